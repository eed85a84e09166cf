"""Answer with the faces in a picture: where they are, and their eyes, noses and mouths."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageOps

from default_handlers import ImagePreset, VisionHandler
from default_handlers.settings import Settings

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
COLOUR = (255, 221, 0)
DOT_PX = 2
FONT_PX = 16

Face = dict[str, Any]


class FaceHandler(VisionHandler):
    """Takes a picture, answers a list of faces, the surest first."""

    concurrent = True
    takes_pictures_only = True

    preset = ImagePreset(
        resize_px=None, crop_px=None, value_range="0..255", mean=(127.5,) * 3, std=(128.0,) * 3
    )
    threshold = 0.9

    def read_settings(self, settings: Settings) -> None:
        """Take over the setting ``threshold``."""
        super().read_settings(settings)
        self.threshold = settings.fraction("threshold", self.threshold)

    def inference(
        self, data: Sequence[torch.Tensor] | torch.Tensor, *args: object, **kwargs: object
    ) -> list[Mapping[str, torch.Tensor]]:
        """Call the model on each picture: what it computes depends on what it sees."""
        with torch.inference_mode():
            return [self.model(picture, *args, **kwargs) for picture in data]

    def postprocess(self, data: list[Mapping[str, torch.Tensor]]) -> list[list[Face]]:
        """Return the faces in each picture that are sure enough."""
        return [
            [face for face in faces_of(found) if face["score"] >= self.threshold] for found in data
        ]

    def draw(self, answer: Sequence[Face], given: Mapping[str, Any]) -> Image.Image:
        """Return the picture with its faces marked, for ``mar run --draw``."""
        sent = Image.open(io.BytesIO(given.get("data") or given["body"]))
        picture = ImageOps.exif_transpose(sent).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for face in answer:
            pen.rectangle(face["box"], outline=COLOUR, width=2)
            corner = tuple(face["box"][:2])
            pen.text(corner, f"{face['score']:.0%}", COLOUR, anchor="lb", font_size=FONT_PX)
            for x, y in face["points"].values():
                pen.ellipse((x - DOT_PX, y - DOT_PX, x + DOT_PX, y + DOT_PX), fill=COLOUR)
        return picture


def faces_of(found: Mapping[str, torch.Tensor]) -> list[Face]:
    """Return what the model found in one picture as JSON has it."""
    return [
        {"score": score, "box": box, "points": dict(zip(POINTS, points, strict=True))}
        for score, box, points in zip(
            *(found[name].tolist() for name in ("scores", "boxes", "points")), strict=True
        )
    ]
