"""Read the handwritten digit on a photograph or a scan of a sheet of paper."""

import io
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from ts_sdk import BaseHandler

MEAN, SPREAD = 0.1307, 0.3081  # of the pixels that the network was trained on
BLANK = 64  # of 255: a sheet with less contrast has no ink on it
PAPER = 127  # of 255: what is darker after stretching the contrast is ink


class DigitHandler(BaseHandler):
    """Take a picture in, give the digit and its probability back."""

    def preprocess(self, data: list[dict[str, Any]]) -> torch.Tensor:
        """Return the digits of the sheets as ``(B, 1, 28, 28)``, white ink on black."""
        digits = []
        for index, row in enumerate(data):
            try:
                sheet = Image.open(io.BytesIO(row["body"])).convert("L")
            except (OSError, TypeError):
                self.reject(index, "this is no picture")
                continue
            if np.ptp(np.asarray(sheet)) < BLANK:
                self.reject(index, "there is no ink on this sheet")
                continue
            digits.append(cut_out(sheet))
        pixels = np.array(digits, dtype=np.float32).reshape(-1, 1, 28, 28) / 255
        return torch.from_numpy((pixels - MEAN) / SPREAD).to(self.device)

    def postprocess(self, data: torch.Tensor) -> list[dict[str, Any]]:
        """Return one answer a sheet from the logits ``(B, 10)``."""
        probabilities, digits = data.softmax(dim=1).max(dim=1)
        return [
            {"digit": int(digit), "probability": round(float(probability), 3)}
            for digit, probability in zip(digits, probabilities, strict=True)
        ]


def cut_out(sheet: Image.Image) -> np.ndarray:
    """Return the inked part of *sheet*, 20 pixels long, in the middle of 28 by 28 pixels."""
    stretched = ImageOps.autocontrast(sheet)
    box = stretched.point(lambda brightness: 255 if brightness < PAPER else 0).getbbox()
    ink = ImageOps.invert(stretched.crop(box))
    return np.asarray(ImageOps.expand(ImageOps.pad(ink, (20, 20)), 4))
