"""Case study: a Mask R-CNN under a latency target, as TorchServe's own guide to tuning had it.

``python -m tests.benchmarks.casestudy --budget 30`` takes 30 s for each tuning, not four minutes.
"""

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import skimage
import torch
from PIL import Image

import archiver
import ts_sdk
from docs.examples.mask_rcnn_opencv import run as example
from tests.benchmarks.measuring import markdown_table
from ts_sdk.tuning import Candidate, TuningReport
from ts_sdk.tuning.durations import show_duration
from ts_sdk.tuning.report.sentences import remarks, verdict

TARGET_MS = 100.0
BUDGET_S = 240.0
CLIENTS = 10
BATCH_SIZES = (1, 4, 8)
_DELAY_MS = 100
_PICTURE = (640, 480)
_SCENES, _DIGITS = 4, 20
_MOST_ROWS = 8
_TRAINING = Path(example.HERE, "train.py")
_NETWORK = '''
from torch import nn
from torchvision.models.detection import maskrcnn_resnet50_fpn


class Network(nn.Module):
    """Mask R-CNN with random weights."""

    def __init__(self):
        super().__init__()
        self.network = maskrcnn_resnet50_fpn(
            weights=None,
            weights_backbone=None,
            min_size=240,
            max_size=320,
            rpn_post_nms_top_n_test=50,
            box_detections_per_img=10,
        )

    def forward(self, pictures):
        return self.network(pictures)
'''
_NOTHING_IS_SURE = "handler: {threshold: 1.0}\n"
"""What random weights find differs in half precision, which is no fault of the precision."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=BUDGET_S, help="seconds for each tuning")
    parser.add_argument("--keep", type=Path, help="a folder for the reports")
    given = parser.parse_args()
    devices = ["cpu", "cuda:0"] if torch.cuda.is_available() else ["cpu"]
    with tempfile.TemporaryDirectory(dir="build") as folder:
        _print_grid(Path(folder), devices, given.budget)
        _print_tuning(Path(folder), given.budget, given.keep)


def _print_grid(folder: Path, devices: Sequence[str], budget_s: float) -> None:
    archive = _pack_network(folder)
    reports = {device: _grid(archive, device, budget_s, folder) for device in devices}
    rows = [row for device, report in reports.items() for row in _grid_rows(device, report)]
    print(f"`maskrcnn_resnet50_fpn` with random weights, {CLIENTS} clients, one worker.\n")
    head = ["", "requests/s", "p50 ms", "p99 ms", "p99 of the model ms"]
    print(markdown_table([*head, f"under {TARGET_MS:g} ms"], rows))
    if "cuda:0" not in devices:
        print("\nThere is no GPU here, so there are no figures of one.")


def _grid(archive: Path, device: str, budget_s: float, folder: Path) -> TuningReport:
    return ts_sdk.tune(
        archive,
        [_jpeg()],
        p99_ms=TARGET_MS,
        budget_s=budget_s,
        output=folder / f"grid-{device.replace(':', '-')}",
        devices=[device],
        precisions=_precisions(device),
        forms=["eager"],
        fast_decode=False,
        workers=[1],
        batch_sizes=BATCH_SIZES,
        delays_ms=[_DELAY_MS],
        concurrencies=[CLIENTS],
    )


def _precisions(device: str) -> Sequence[str]:
    return ["float32"] if device == "cpu" else ["float32", "float16"]


def _grid_rows(device: str, report: TuningReport) -> Iterator[list[str]]:
    for precision, batch_size in product(_precisions(device), BATCH_SIZES):
        name = f"{device} {precision}, batch {batch_size}"
        found = [
            each
            for each in report.measured
            if (each.precision, each.batch_size) == (precision, batch_size)
        ]
        yield [name, *_cells(report, found[0])] if found else [name, *["-"] * 5]


def _print_tuning(folder: Path, budget_s: float, keep: Path | None) -> None:
    _train(folder)
    report = ts_sdk.tune(
        example.pack(folder),
        _scenes(),
        p99_ms=TARGET_MS,
        budget_s=budget_s,
        output=folder / "tuning",
    )
    if keep is not None:
        report.write(keep)
    print(
        f"\nThe example's Mask R-CNN, scenes of {_PICTURE[0]} x {_PICTURE[1]}: `mar tune digits.mar"
        f" --input scenes/ --p99 {TARGET_MS:g}ms --budget {show_duration(budget_s)}`, all axes"
        f" as they are. {len(report.measured)} settings were measured.\n"
    )
    rows = [
        [f"as it is: {each.name}" if each == report.baseline else each.name, *_cells(report, each)]
        for each in _best_of_variants(report)
    ]
    head = ["the best of each variant", "requests/s", "p50 ms", "p99 ms", "p99 of the model ms"]
    print(markdown_table([*head, f"under {TARGET_MS:g} ms"], rows[:_MOST_ROWS]))
    print(f"\n{' '.join([verdict(report), *remarks(report)])}")
    if report.excluded:
        print("\nOut are:\n")
        print("\n".join(f"- {each.what}: {each.reason}" for each in report.excluded))


def _best_of_variants(report: TuningReport) -> Iterator[Candidate]:
    """The archive as it is, then of each device, precision and form the best setting."""
    if report.baseline in report.measured:
        yield report.baseline
    seen = set()
    for each in report.ordered:
        if each.variant not in seen and each != report.baseline:
            seen.add(each.variant)
            yield each


def _cells(report: TuningReport, candidate: Candidate) -> list[str]:
    measured = report.measured[candidate]
    return [
        f"{measured.throughput_rps:.2f}",
        f"{measured.p50_ms:,.1f}",
        f"{measured.p99_ms:,.1f}",
        f"{measured.model_ms.get('p99', float('nan')):,.1f}",
        "yes" if report.objective.is_met(measured) else "no",
    ]


def _pack_network(folder: Path) -> Path:
    model, config = folder / "network.py", folder / "network.yaml"
    model.write_text(_NETWORK)
    config.write_text(_NOTHING_IS_SURE)
    return archiver.pack(
        model_name="mask_rcnn_resnet50",
        version="1",
        handler="object_detector",
        model_file=model,
        config_file=config,
        export_path=folder,
    ).path


def _train(folder: Path) -> None:
    command = [sys.executable, str(_TRAINING), str(folder)]
    subprocess.run(command, check=True, stdout=sys.stderr)


def _scenes() -> list[bytes]:
    composer = example.held_out_composer()
    scenes = [composer.compose(*_PICTURE, digits=_DIGITS) for _ in range(_SCENES)]
    return [scene.png for scene in scenes]


def _jpeg() -> bytes:
    photograph = Image.open(Path(skimage.data_dir) / "chelsea.png").convert("RGB").resize(_PICTURE)
    buffer = io.BytesIO()
    photograph.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
