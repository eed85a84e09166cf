"""Pack the digit reader, load the archive and read a seven: ``python run.py``."""

from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw

import archiver
import ts_sdk

HERE = Path(__file__).parent


def draw_seven(path: Path) -> None:
    """Draw a small seven with blue ink in the corner of a large grey sheet."""
    sheet = Image.new("RGB", (800, 600), (236, 232, 224))
    strokes = [(520, 380), (580, 376), (548, 470)]
    ImageDraw.Draw(sheet).line(strokes, fill=(30, 40, 110), width=9, joint="curve")
    sheet.save(path)


with TemporaryDirectory() as folder:
    draw_seven(Path(folder, "seven.png"))
    packed = archiver.pack(
        model_name="digits",
        version="1.0",
        model_file=HERE / "model.py",
        serialized_file=Path(str(files("digit_recognizer") / "models/handwriting_model.pth")),
        handler=HERE / "handler.py",
        export_path=folder,
    )
    with ts_sdk.load(packed.path) as model:
        print(model.predict(Path(folder, "seven.png")))
