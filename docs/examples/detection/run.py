"""Pack the trained detector, judge it and draw what it finds: ``python run.py FOLDER``."""

import sys
from pathlib import Path
from typing import Any

from PIL import Image

import archiver
import ts_sdk

sys.path.append(str(Path(__file__).parents[1] / "scenes"))
from judging import Found, judge
from scenes import Scene, held_out_composer

HERE = Path(__file__).parent
SCENES = 50
BATCH = 10


def main(folder: Path) -> None:
    """Pack what `train.py` has put into *folder*, and use the archive."""
    packed = archiver.pack(
        model_name="digits",
        version="1.0",
        handler="object_detector",
        model_file=HERE / "model.py",
        serialized_file=folder / "weights.safetensors",
        extra_files=[HERE / "index_to_name.json"],
        config_file=HERE / "model-config.yaml",
        export_path=folder,
        force=True,
    )
    composer = held_out_composer()
    scenes = [composer.compose() for _ in range(SCENES)]
    Image.fromarray(composer.compose(384, 256, digits=12).picture).save(folder / "scene.png")
    with ts_sdk.load(packed.path, device="cpu") as model:
        print(f"in {SCENES} scenes never seen: {judge(find(model, scenes), scenes)}")
        answer = model.predict(folder / "scene.png")
        for each in answer:
            print(f"{each['label']:6} {each['score']:.2f} {[round(side) for side in each['box']]}")
        model.draw(answer, folder / "scene.png").save(folder / "drawn.png")


def find(model: ts_sdk.Model, scenes: list[Scene]) -> list[list[Found]]:
    """Return what *model* finds in each scene."""
    answers: list[Any] = []
    for start in range(0, len(scenes), BATCH):
        answers += model.predict_batch([each.png for each in scenes[start : start + BATCH]])
    return [[(each["index"], each["box"]) for each in answer] for answer in answers]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
