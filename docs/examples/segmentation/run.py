"""Pack the trained segmenter, judge it and draw what it finds: ``python run.py FOLDER``."""

import io
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import archiver
import ts_sdk

sys.path.append(str(Path(__file__).parents[1] / "scenes"))
from scenes import Scene, held_out_composer

HERE = Path(__file__).parent
SCENES = 50
CLASSES = 11


def main(folder: Path) -> None:
    """Pack what `train.py` has put into *folder*, and use the archive."""
    packed = archiver.pack(
        model_name="digits",
        version="1.0",
        handler="image_segmenter",
        model_file=HERE / "model.py",
        serialized_file=folder / "weights.safetensors",
        extra_files=[HERE / "index_to_name.json"],
        config_file=HERE / "model-config.yaml",
        export_path=folder,
        force=True,
    )
    composer = held_out_composer()
    scenes = [composer.compose() for _ in range(SCENES)]
    shown = composer.compose(384, 256, digits=12)
    with ts_sdk.load(packed.path, device="cpu") as model:
        found = [class_map(model.predict(scene.png)) for scene in scenes]
        print(f"in {SCENES} scenes never seen: mean overlap {mean_overlap(found, scenes):.3f}")
        answer = model.predict(shown.png)
        model.draw(answer, shown.png).save(folder / "drawn.png")
    (folder / "mask.png").write_bytes(answer)
    print(f"the class of each of {shown.class_map.size} pixels in {len(answer)} bytes")


def class_map(answer: bytes) -> NDArray[np.uint8]:
    """Return the class number of each pixel, ``(H, W)``."""
    return np.asarray(Image.open(io.BytesIO(answer)))


def mean_overlap(found: list[NDArray[np.uint8]], scenes: list[Scene]) -> float:
    """Return the intersection over union of the pixels of a class, the mean of all classes."""
    numbers = np.stack(found)
    wanted = np.stack([scene.class_map for scene in scenes])
    overlaps = [
        ((numbers == each) & (wanted == each)).sum() / ((numbers == each) | (wanted == each)).sum()
        for each in range(CLASSES)
    ]
    return float(np.mean(overlaps))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
