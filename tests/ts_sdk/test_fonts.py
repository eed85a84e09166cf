"""Letters in pictures: those that a font has not come from another one, or lose their accents."""

import pytest
from PIL import ImageFont

from ts_sdk import fonts
from ts_sdk.fonts import drawable, fitting

OWN = ImageFont.load_default(20)


def is_drawn(letters, font):
    return bytes(font.getmask(letters)) != bytes(font.getmask("\U0010ffff"))


def test_english_is_written_in_the_font_itself():
    assert fitting("plain words, 12.", OWN) == ("plain words, 12.", OWN)


def test_letters_with_accents_can_be_read():
    letters, font = fitting("café", OWN)
    assert letters in {"café", "cafe"}
    assert all(is_drawn(each, font) for each in letters)
    assert font.size == 20


def test_where_there_is_no_other_font_accents_are_lost(monkeypatch):
    monkeypatch.setattr(fonts, "_others", lambda size: [])
    assert fitting("Amélie", OWN) == ("Amelie", OWN)
    assert fitting("中文", OWN) == ("中文", OWN)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x00b\x07c\nd", "abcd"),
        ("\u202eright to left\u202c", "right to left"),
        ("zero\u200bwidth", "zerowidth"),
        ("half \ud800", "half \ufffd"),
        ("é中\U0001f600", "é中\U0001f600"),
    ],
)
def test_what_has_no_shape_is_left_out(text, shown):
    assert drawable(text) == shown
