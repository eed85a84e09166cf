"""An explanation as a picture, a page and JSON."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ts_sdk.errors import ExplanationError
from ts_sdk.explain import Explanation, Form, Method
from ts_sdk.explain.picture import AGAINST, FOR, MARK
from ts_sdk.explain.tasks import Target, Task


def explanation(attributions, **more):
    given = {
        "attributions": np.asarray(attributions, np.float32),
        "method": Method.OCCLUSION,
        "target": Target(2, "tabby <cat>", 3.5),
        "task": Task.CLASSIFICATION,
        "prediction": {"tabby <cat>": 0.75},
        "form": Form.EAGER,
        "baseline": "zeros",
        "seconds": 0.5,
    }
    return Explanation(**given | more)


@pytest.fixture
def halves():
    """The left half speaks for the target, the right half against it."""
    values = np.ones((3, 224, 224), np.float32)
    values[:, :, 112:] = -1
    picture = Image.new("RGB", (224, 224), (128, 128, 128))
    return explanation(values, picture=picture)


def nearer(pixel, colour, other):
    def distance(to):
        return sum(abs(int(a) - b) for a, b in zip(pixel, to, strict=True))

    return distance(colour) < distance(other)


def test_the_picture_stands_beside_its_map_with_a_head_and_a_legend(halves, tmp_path):
    with Image.open(halves.save(tmp_path / "why.png")) as image:
        assert image.size[0] > 2 * 360
        pixels = np.asarray(image.convert("RGB"))
    middle = pixels.shape[0] // 2
    assert pixels[middle, 100].tolist() == [128, 128, 128]
    assert nearer(pixels[middle, pixels.shape[1] * 5 // 8], FOR, AGAINST)
    assert nearer(pixels[middle, pixels.shape[1] * 7 // 8], AGAINST, FOR)
    assert (pixels[:60] < 100).any()  # what it is for is written above
    legend = pixels[-40:].reshape(-1, 3)
    assert any(nearer(pixel, FOR, (255, 255, 255)) for pixel in legend)
    assert any(nearer(pixel, AGAINST, (255, 255, 255)) for pixel in legend)


def test_compact_json_is_at_most_a_hundredth_of_the_nested_lists():
    noise = np.random.default_rng(0).normal(size=(3, 224, 224))
    found = explanation(noise)
    compact = found.to_json(compact=True)
    assert len(compact) <= len(json.dumps(found.attributions.tolist())) / 100
    packed = json.loads(compact)["attributions"]
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["int8"])), np.int8)
    values = steps.reshape(packed["shape"]) * packed["step"]
    assert values.sum() == pytest.approx(noise.sum(), abs=64 * 64 * packed["step"] / 2)


def test_json_holds_all_of_it(halves):
    facts = json.loads(halves.to_json())
    assert np.asarray(facts["attributions"]).shape == (3, 224, 224)
    assert facts["target"] == {"index": 2, "name": "tabby <cat>"}
    assert (facts["method"], facts["score"], facts["baseline"]) == ("occlusion", 3.5, "zeros")


def test_a_page_marks_the_words_of_a_text(tmp_path):
    found = explanation([1.0, -0.5, 0.0], words=["good", "<b>", "it"])
    page = found.save(tmp_path / "why.html").read_text(encoding="utf-8")
    assert page.count("<mark") == 3
    assert "&lt;b&gt;</mark>" in page
    assert "tabby &lt;cat&gt;" in page
    assert "75.0%" in page
    assert "<b>" not in page
    with Image.open(found.save(tmp_path / "why.png")) as image:
        assert image.width == 760


def test_a_page_of_a_picture_holds_it(halves, tmp_path):
    assert "data:image/png;base64," in halves.save(tmp_path / "why.html").read_text("utf-8")


def test_what_cannot_be_drawn_or_named_is_refused(halves, tmp_path):
    with pytest.raises(ExplanationError, match=r"attributions of shape \(4,\) are no picture"):
        explanation([1.0] * 4).save(tmp_path / "why.png")
    with pytest.raises(ExplanationError, match=r"cannot be saved as why\.txt: .* \.png"):
        halves.save(tmp_path / "why.txt")


def test_the_pixels_that_a_segmentation_is_explained_for_are_outlined(halves, tmp_path):
    region = np.zeros((56, 56), bool)  # of an answer coarser than the picture
    region[14:28, 14:42] = True
    found = replace(halves, task=Task.SEGMENTATION, region=region, prediction=None)
    with Image.open(found.save(tmp_path / "why.png")) as image:
        marked = (np.asarray(image.convert("RGB")) == MARK).all(2)
    down, across = marked.nonzero()
    assert down.max() - down.min() == pytest.approx(360 / 4, abs=2)
    left = across[across < marked.shape[1] / 2]  # in the picture; the map has the same
    assert left.max() - left.min() == pytest.approx(360 / 2, abs=2)
    assert 2 * len(left) == len(across) < 4 * (360 / 4 + 360 / 2) * 2 + 50
    assert json.loads(found.to_json())["region"] == {"box": [14, 14, 42, 28], "pixels": 14 * 28}


def test_padding_is_not_drawn_and_a_long_word_is_cut_off(tmp_path):
    def drawn(words):
        with Image.open(
            explanation([0.5] * len(words), words=words).save(tmp_path / "why.png")
        ) as image:
            return np.asarray(image.convert("RGB"))

    plain = drawn(["good", "film"])
    assert np.array_equal(drawn(["", "good", "film", "", ""]), plain)
    long = drawn(["w" * 400])
    assert long.shape == plain.shape
    assert (long[:, -16:] == 255).all()


def test_nothing_but_zeros_can_be_drawn_too(tmp_path):
    found = explanation(np.zeros((3, 8, 8)))
    assert found.save(tmp_path / "why.png").exists()
    assert json.loads(found.to_json(compact=True))["attributions"]["step"] == 0
