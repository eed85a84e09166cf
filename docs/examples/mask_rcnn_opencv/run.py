"""Pack the trained Mask R-CNN twice, judge it, measure it and draw what it finds.

``python run.py FOLDER``: once with the handler here; once with `object_detector`, which needs no
code for such a model and answers the masks too.
"""

import sys
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import archiver
import ts_sdk

sys.path.append(str(Path(__file__).parents[1] / "scenes"))
from judging import Found, judge
from scenes import Scene, held_out_composer

HERE = Path(__file__).parent
SCENES = 50
BATCH = 10
REPEATS = 10


def main(folder: Path) -> None:
    """Pack what `train.py` has put into *folder*, and use the archives."""
    composer = held_out_composer()
    scenes = [composer.compose() for _ in range(SCENES)]
    scene = folder / "scene.png"
    Image.fromarray(composer.compose(384, 256, digits=12).picture).save(scene)
    device, precisions = "cpu", ("float32", "autocast-bfloat16")
    if torch.cuda.is_available():
        device, precisions = "cuda", ("float32", "float16")
    for precision in precisions:
        with ts_sdk.load(pack(folder), device=device, precision=precision) as model:
            print(f"on {device} in {precision}: {judge(find(model, scenes), scenes)}")
            print(f"  {milliseconds(model, scene):.0f} ms for the picture that is drawn")
            answer = model.predict(scene)
            model.draw(answer, scene).save(folder / "drawn.png")
    for number, score, box in zip(*answer.values(), strict=True):
        print(f"{number} {score:.2f} {[round(side) for side in box]}")
    with ts_sdk.load(pack_without_code(folder), device=device) as model:
        model.draw(model.predict(scene), scene).save(folder / "masks.png")


def pack(folder: Path) -> Path:
    """Pack the model with the handler here."""
    return archiver.pack(
        model_name="digits",
        version="1.0",
        handler=HERE / "handler.py",
        serialized_file=folder / "mask_rcnn.pt",
        requirements_file=HERE / "requirements.txt",
        config_file=HERE / "model-config.yaml",
        export_path=folder,
        force=True,
    ).path


def pack_without_code(folder: Path) -> Path:
    """Pack the model with a handler that comes with ts-sdk."""
    (folder / "model-config.yaml").write_text(
        "handler: {answers: records, threshold: 0.6, nms: 0.5, nms_per_class: false}\n"
    )
    return archiver.pack(
        model_name="digits_without_code",
        version="1.0",
        handler="object_detector",
        serialized_file=folder / "mask_rcnn.pt",
        config_file=folder / "model-config.yaml",
        export_path=folder,
        force=True,
    ).path


def find(model: ts_sdk.Model, scenes: list[Scene]) -> list[list[Found]]:
    """Return what *model* finds in each scene."""
    answers: list[Any] = []
    for start in range(0, len(scenes), BATCH):
        answers += model.predict_batch([each.png for each in scenes[start : start + BATCH]])
    return [list(zip(each["classes"], each["boxes"], strict=True)) for each in answers]


def milliseconds(model: ts_sdk.Model, picture: Path) -> float:
    """Return the shortest time of a request, in milliseconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        model.predict(picture)
        times.append(time.perf_counter() - start)
    return min(times) * 1000


if __name__ == "__main__":
    main(Path(sys.argv[1]))
