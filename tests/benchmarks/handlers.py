"""Handlers: whole requests against bare torch, decoding in threads, and the size of answers."""

import hashlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage
import skimage.segmentation
import torch
from PIL import Image
from torch import nn

import archiver
import ts_sdk
from default_handlers import ImageClassifier, ObjectDetector
from default_handlers.class_maps import ClassMap
from default_handlers.decoding import decode
from default_handlers.mask_files import class_map_png
from default_handlers.presets import IMAGENET, WHOLE_PICTURE, ImagePreset
from default_handlers.segment_answers import as_nested_lists, as_record
from tests.benchmarks.measuring import Timing, interleaved, markdown_table, milliseconds

_CPU = torch.device("cpu")
_SIZE = (640, 480)
_QUALITY = 90
_REGIONS = 20
_LARGE_PX = 2000
_MODULE_FILE = '''
from torch import nn
from torchvision.models{module} import {name}


class Network(nn.Module):
    """{name} with random weights."""

    def __init__(self):
        super().__init__()
        self.network = {name}(weights=None, {options})

    def forward(self, pictures):
        return self.network(pictures)
'''


@dataclass(frozen=True)
class _Case:
    """A network behind a default handler.

    Attributes:
        title: What it is called in the table.
        handler: The default handler.
        module: Where torchvision has the network, behind ``torchvision.models``.
        name: The function that makes it.
        options: Its arguments.
        settings: Those of the handler.
        preset: How the pictures are prepared.
        answers: Makes answers of what the network answered, by hand.
        repeats: How often a batch of 1 is timed.
    """

    title: str
    handler: str
    module: str
    name: str
    options: str
    settings: str
    preset: ImagePreset
    answers: Callable[[Any], list[Any]]
    repeats: int


def _classes(scores: torch.Tensor) -> list[Any]:
    values, numbers = scores.softmax(1).topk(5)
    rows = zip(numbers.tolist(), values.tolist(), strict=True)
    return [{str(n): value for n, value in zip(*row, strict=True)} for row in rows]


def _files(output: dict[str, torch.Tensor]) -> list[Any]:
    files = []
    for numbers in output["out"].max(1).indices:
        buffer = io.BytesIO()
        image = Image.fromarray(numbers.to(torch.uint8).numpy())
        image.putpalette([level for number in range(256) for level in (number, 0, 255 - number)])
        image.save(buffer, "PNG")
        files.append(buffer.getvalue())
    return files


def _objects(output: list[dict[str, torch.Tensor]]) -> list[Any]:
    answers = []
    for found in output:
        kept = found["scores"] >= 0.5
        labels, boxes, scores = (found[key][kept].tolist() for key in ("labels", "boxes", "scores"))
        rows = zip(labels, boxes, scores, strict=True)
        answers.append([{str(label): box, "score": score} for label, box, score in rows])
    return answers


_CASES = (
    _Case("ResNet-18", "image_classifier", "", "resnet18", "", "", IMAGENET, _classes, 40),
    _Case(
        "LR-ASPP MobileNetV3",
        "image_segmenter",
        ".segmentation",
        "lraspp_mobilenet_v3_large",
        "weights_backbone=None",
        "{answers: png, resize: 320, crop: none}",
        ImagePreset(320, None),
        _files,
        30,
    ),
    _Case(
        "Mask R-CNN ResNet-50",
        "object_detector",
        ".detection",
        "maskrcnn_resnet50_fpn",
        (
            "weights_backbone=None, min_size=240, max_size=320, rpn_post_nms_top_n_test=50, "
            "box_detections_per_img=10"
        ),
        "",
        WHOLE_PICTURE,
        _objects,
        16,
    ),
)


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    print("From a JPEG of 640 x 480 to its answer, random weights: processor time of one thread.")
    print("By hand is the same decoding, resizing and module, and answers of the same shape.\n")
    with tempfile.TemporaryDirectory(dir="build") as folder:
        print(_whole_requests(Path(folder)))
    print("\nDecoding and preparing a batch of 8 JPEGs, with one thread and with two, for decoding")
    print("and for torch. The first row, which holds no lock and needs no memory, is what the")
    print("machine had to give:\n")
    print(_threads())
    print(f"\nThe answer to one picture of 224 x 224 with {_REGIONS} classes, as it is sent:\n")
    print(_answer_sizes())


def _whole_requests(folder: Path) -> str:
    rows = []
    for case in _CASES:
        with ts_sdk.load(_packed(case, folder), device="cpu") as model:
            for batch in (1, 8):
                timings = _measured(case, model, [_jpeg(_SIZE)] * batch)
                by_hand, ours = timings.values()
                pairs = zip(by_hand.seconds, ours.seconds, strict=True)
                added = statistics.median(one - hand for hand, one in pairs)
                share = f"{added / by_hand.median:+.1%}"
                cells = [milliseconds(by_hand), milliseconds(ours), share]
                rows.append([f"{case.title}, batch of {batch}", *cells])
    return markdown_table(["", "by hand", "`predict_batch`", "more"], rows)


def _measured(case: _Case, model: ts_sdk.Model, jpegs: Sequence[bytes]) -> dict[str, Timing]:
    module: nn.Module = model.handler.model

    def by_hand() -> list[Any]:
        batch = case.preset.normalise([case.preset.crop(decode(jpeg)) for jpeg in jpegs], _CPU)
        with torch.inference_mode():
            return case.answers(module(batch))

    return interleaved(
        {"by hand": by_hand, "ours": lambda: model.predict_batch(jpegs, on_error="raise")},
        repeats=max(8, case.repeats // len(jpegs)),
        warm_up=2,
        clock=time.process_time,
    )


def _packed(case: _Case, folder: Path) -> Path:
    model = folder / f"{case.name}.py"
    model.write_text(_MODULE_FILE.format(module=case.module, name=case.name, options=case.options))
    config = folder / f"{case.name}.yaml"
    config.write_text(f"handler: {case.settings or '{}'}\n")
    packed = archiver.pack(
        model_name=case.name,
        version="1",
        handler=case.handler,
        model_file=model,
        config_file=config,
        export_path=folder,
    )
    return packed.path


def _threads() -> str:
    handlers: dict[str, ImageClassifier | ObjectDetector] = {
        "image_classifier": ImageClassifier(),
        "object_detector": ObjectDetector(),
    }
    rows = [_row("SHA-256 of 16 MB", _hashing(1), _hashing(2), 40)]
    for size in ((640, 480), (1600, 1200), (4000, 3000)):
        batch = [{"body": _jpeg(size)}] * 8
        for name, handler in handlers.items():
            handler.device = _CPU
            one, two = (_preprocessing(handler, batch, threads) for threads in (1, 2))
            title = f"`{name}`, {size[0]} x {size[1]}"
            rows.append(_row(title, one, two, 8 if size[0] > _LARGE_PX else 30))
    return markdown_table(["", "1 thread", "2 threads", "times as fast"], rows)


def _row(
    title: str, one: Callable[[], object], two: Callable[[], object], repeats: int
) -> list[str]:
    timings = interleaved({"one": one, "two": two}, repeats=repeats, warm_up=2)
    ratio = timings["one"].median / timings["two"].median
    return [title, *map(milliseconds, timings.values()), f"{ratio:.2f}"]


def _hashing(threads: int) -> Callable[[], object]:
    """Hash 16 MB, in that many threads."""
    parts = [bytes(16_000_000 // threads)] * threads

    def run() -> object:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda part: hashlib.sha256(part).digest(), parts))

    return run


def _preprocessing(
    handler: ImageClassifier | ObjectDetector, batch: list[dict[str, Any]], threads: int
) -> Callable[[], object]:
    def run() -> object:
        torch.set_num_threads(threads)
        handler.decode_threads = threads
        return handler.preprocess(batch)

    return run


def _answer_sizes() -> str:
    """A map with the outlines of a photograph: random weights would draw noise."""
    with Image.open(Path(skimage.data_dir) / "chelsea.png") as image:
        pixels = np.array(image.convert("RGB").resize((224, 224)))
    numbers = skimage.segmentation.slic(pixels, n_segments=_REGIONS, start_label=0)
    sure = np.random.default_rng(0).random((224, 224), np.float32)
    found = ClassMap(numbers.astype(np.int16), sure, is_foreground=False)
    sizes = {
        "TorchServe's nested lists": len(json.dumps(as_nested_lists(found), indent=2)),
        "`answers: records, masks: rle`": len(json.dumps(as_record(found, None, "rle"), indent=2)),
        "`answers: records, masks: png`": len(json.dumps(as_record(found, None, "png"), indent=2)),
        "`answers: png`": len(class_map_png(found)),
    }
    whole = sizes["TorchServe's nested lists"]
    rows = [[name, f"{size:,}", f"{size / whole:.2%}"] for name, size in sizes.items()]
    return markdown_table(["", "bytes", "of TorchServe's"], rows)


def _jpeg(size: tuple[int, int]) -> bytes:
    with Image.open(Path(skimage.data_dir) / "chelsea.png") as image:
        scaled = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    scaled.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
