"""The words of a text, drawn as marked: none is cut off at the edge, and long texts have an end."""

import numpy as np
import pytest

from ts_sdk.explain import Explanation, Form, Method
from ts_sdk.explain.picture import PALE
from ts_sdk.explain.tasks import Target, Task


def drawn(words):
    values = np.linspace(-1, 1, len(words), dtype=np.float32)
    facts = (Method.OCCLUSION, Target(1, "café", 2.0), Task.CLASSIFICATION, {"café": 0.75})
    return Explanation(values, *facts, Form.EAGER, "zeros", 0.5, words=words).draw()


def test_a_word_wider_than_the_picture_ends_before_its_edge():
    image = np.asarray(drawn(["a" * 2000, "b", "https://example.com/" + "c" * 500]))
    assert (image[:, -8:] == 255).all()


@pytest.mark.parametrize("count", [10, 500, 20_000])
def test_a_text_of_any_length_is_a_picture_that_can_be_looked_at(count):
    image = drawn(["word"] * count)
    assert image.width == 760
    assert image.height < 1500


def test_what_is_not_drawn_is_told():
    marks = (np.asarray(drawn(["word"] * 5000)) == PALE).all(axis=2)
    assert marks[-150:-80].any()
    assert not (np.asarray(drawn(["word"] * 50))[-110:-60] == PALE).all(axis=2).any()


def test_odd_words_are_drawn():
    assert drawn(["", "\x00", "\ud800", "中文", "\u202eא", "e\u0301" * 50]).width == 760
