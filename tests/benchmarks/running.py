"""Running: what `Model.predict` adds to the same work done by hand."""

import io
import statistics
import tempfile
from pathlib import Path

import skimage
import torch
from PIL import Image

import archiver
import ts_sdk
from default_handlers.decoding import decode
from default_handlers.presets import IMAGENET
from docs.examples.efficientnet_lite0 import demo
from tests.benchmarks.measuring import interleaved, markdown_table, milliseconds

_ECHO = "def handle(data, context):\n    return None if data is None else [1] * len(data)\n"
_TOP = 5


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir="build") as folder:
        _print_classifier(Path(folder))
        _print_overhead(Path(folder))


def _print_classifier(folder: Path) -> None:
    image = Image.open(Path(skimage.data_dir) / "chelsea.png").convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    jpeg = buffer.getvalue()
    demo.lay_out(folder)
    with ts_sdk.load(demo.pack(folder).path, device="cpu") as model:
        module, names = model.handler.model, model.handler.mapping
        module(torch.zeros(1, 3, 224, 224))

        def by_hand() -> dict[str, float]:
            batch = IMAGENET.normalise([IMAGENET.crop(decode(jpeg))], torch.device("cpu"))
            with torch.inference_mode():
                values, indices = module(batch).softmax(1).topk(_TOP)
            pairs = zip(values[0].tolist(), indices[0].tolist(), strict=True)
            return {names[str(index)]: value for value, index in pairs}

        timings = interleaved(
            {"by hand": by_hand, "`model.predict`": lambda: model.predict(jpeg)},
            repeats=200,
            warm_up=10,
        )
    pairs = zip(*(timing.seconds for timing in timings.values()), strict=True)
    added = statistics.median(ours - hand for hand, ours in pairs) * 1e3
    print(f"EfficientNet-Lite0 on a JPEG of {image.width} x {image.height}, one request.\n")
    print(
        markdown_table(["", "time"], [[name, milliseconds(one)] for name, one in timings.items()])
    )
    print(f"\nThe median of the pairwise differences is {added:.2f} ms.\n")


def _print_overhead(folder: Path) -> None:
    (folder / "handler.py").write_text(_ECHO)
    packed = archiver.pack(
        model_name="echo", version="1", handler=folder / "handler.py", export_path=folder
    )
    with ts_sdk.load(packed.path, device="cpu") as model:
        timings = interleaved({"predict": lambda: model.predict({})}, repeats=5000, warm_up=100)
    microseconds = timings["predict"].median * 1e6
    print(f"A handler that does nothing: {microseconds:.0f} µs a request.")


if __name__ == "__main__":
    main()
