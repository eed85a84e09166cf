"""Pack U²-Net-p as it was fetched, and find what is in the foreground: ``python run.py FOLDER``."""

import io
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

import archiver
import ts_sdk

HERE = Path(__file__).parent
PHOTOGRAPHS = ("chelsea.png", "astronaut.png", "coffee.png", "rocket.jpg")
HALF = 128  # of 255
HEIGHT_PX = 150
PAPER = (40, 120, 90)


def main(folder: Path) -> None:
    """Pack what `fetch.py` has put into *folder*, and use the archive."""
    packed = archiver.pack(
        model_name="foreground",
        version="1.0",
        handler="image_segmenter",
        serialized_file=folder / "u2netp.onnx",
        config_file=HERE / "model-config.yaml",
        export_path=folder,
        force=True,
    )
    columns = []
    with ts_sdk.load(packed.path, device="cpu") as model:
        for name in PHOTOGRAPHS:
            photograph = Path(str(files("skimage") / f"data/{name}"))
            answer = model.predict(photograph)
            mask = Image.open(io.BytesIO(answer))
            share = (np.asarray(mask) >= HALF).mean()
            print(f"{name}: {share:.0%} is foreground, in a mask of {len(answer)} bytes")
            columns.append(column(Image.open(photograph).convert("RGB"), mask))
    width = sum(each.width for each in columns)
    sheet, left = Image.new("RGB", (width, columns[0].height)), 0
    for each in columns:
        sheet.paste(each, (left, 0))
        left += each.width
    sheet.save(folder / "drawn.png")


def column(photograph: Image.Image, mask: Image.Image) -> Image.Image:
    """Return the photograph, its mask, and what was cut out, one below the other."""
    cut_out = Image.composite(photograph, Image.new("RGB", photograph.size, PAPER), mask)
    size = (round(photograph.width * HEIGHT_PX / photograph.height), HEIGHT_PX)
    sheet = Image.new("RGB", (size[0], 3 * HEIGHT_PX))
    for row, picture in enumerate((photograph, mask.convert("RGB"), cut_out)):
        sheet.paste(picture.resize(size), (0, row * HEIGHT_PX))
    return sheet


if __name__ == "__main__":
    main(Path(sys.argv[1]))
