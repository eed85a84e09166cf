"""What is drawn on: a picture in a size in which lines and words can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from default_handlers.drawing.words import font_for, line_height
from default_handlers.palette import WHITE, Colour
from ts_sdk.fonts import Font

PAPER: Colour = WHITE
FAINT: Colour = (228, 230, 234)

_SMALLEST_PX, _LARGEST_PX = 640, 1600
"""What the longer side of a picture is scaled to when it is below, or above."""
_PIXEL_ART_PX = 96
"""Up to here a picture is enlarged pixel by pixel: blurred, nothing of it would be seen."""
_LINES_HIGH = 4
"""How many lines of words a strip has room for, with what is put around it."""
_FEW = 12
_CROWDED = 0.55
_GAP_PX = 12
_HALF = 128

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the canvas."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture to draw on.

    Attributes:
        image: Mode RGB.
        size: Width and height of the picture on it, in pixels of the canvas.
        offset: Where its top left corner is; not in the corner where it is a strip.
        factor: Pixels of the canvas to one of the picture, across and down.
    """

    image: Image.Image
    size: tuple[int, int]
    offset: tuple[int, int]
    factor: tuple[float, float]

    @classmethod
    def of(cls, picture: Image.Image) -> "Canvas":
        """A canvas with *picture* on it, which is of mode RGB."""
        longest = max(picture.size)
        target = min(max(longest, _SMALLEST_PX), _LARGEST_PX)
        width, height = (max(1, round(side * target / longest)) for side in picture.size)
        filters = Image.Resampling
        fitting = filters.NEAREST if longest <= _PIXEL_ART_PX else filters.LANCZOS
        image = picture.resize((width, height), fitting)
        thinnest = _LINES_HIGH * line_height(font_for(target))
        whole = (max(width, thinnest), max(height, thinnest))
        offset = ((whole[0] - width) // 2, (whole[1] - height) // 2)
        if whole != image.size:
            framed = Image.new("RGB", whole, FAINT)
            framed.paste(image, offset)
            image = framed
        factor = (width / picture.width, height / picture.height)
        return cls(image, (width, height), offset, factor)

    def with_image(self, image: Image.Image) -> "Canvas":
        """The same with another image, on which something was drawn."""
        return replace(self, image=image)

    @property
    def line_px(self) -> int:
        """How thick lines are."""
        return max(2, round(max(self.size) / 320))

    @property
    def font(self) -> Font:
        """What words are written in."""
        return font_for(max(self.size))

    def font_for(self, tags: int) -> Font:
        """What so many tags are written in: smaller where they are a crowd."""
        return font_for(max(self.size) * min(1.0, max(_FEW / max(tags, 1), _CROWDED)))

    def box(self, box: Sequence[float]) -> Box:
        """*box*, which is in pixels of the picture, on the canvas; left of right, top above bottom.

        What reaches beyond the picture is cut off.
        """
        edges = []
        for axis in (0, 1):
            ends = sorted(box[end] * self.factor[axis] for end in (axis, axis + 2))
            start, end = (min(max(each, 0), self.size[axis] - 1) for each in ends)
            edges.append((start + self.offset[axis], end + self.offset[axis]))
        (left, right), (top, bottom) = edges
        return left, top, right, bottom

    def mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """*mask*, which is of the whole picture, ``(H, W)``, on the canvas."""
        image = Image.fromarray(mask.astype(np.uint8) * 255)
        if image.size != self.size:
            image = image.resize(self.size, Image.Resampling.BILINEAR)
        whole = np.zeros((self.image.height, self.image.width), np.bool_)
        left, top = self.offset
        width, height = self.size
        whole[top : top + height, left : left + width] = np.asarray(image) >= _HALF
        return whole


def beside(picture: Image.Image, panel: Image.Image, *, below: bool) -> Image.Image:
    """A picture with a panel below it or at its right."""
    if below:
        size = (max(picture.width, panel.width), picture.height + panel.height)
        place = (0, picture.height)
    else:
        size = (picture.width + panel.width, max(picture.height, panel.height))
        place = (picture.width, 0)
    sheet = Image.new("RGB", size, PAPER)
    sheet.paste(picture, (0, 0))
    sheet.paste(panel, place)
    return sheet


def stacked(images: Sequence[Image.Image]) -> Image.Image:
    """One image of several, each below the one before."""
    if len(images) == 1:
        return images[0]
    height = sum(image.height for image in images) + _GAP_PX * (len(images) - 1)
    sheet = Image.new("RGB", (max(image.width for image in images), height), PAPER)
    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height + _GAP_PX
    return sheet
