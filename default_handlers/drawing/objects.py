"""Objects and where they are: the picture with boxes, masks and labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from default_handlers.drawing.canvas import Canvas
from default_handlers.drawing.overlays import overlaid
from default_handlers.drawing.tags import Tags
from default_handlers.drawing.words import percent
from default_handlers.palette import colour_of

_ALPHA = 0.45


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An object to be drawn.

    Attributes:
        label: What it is called.
        number: Its class, which decides its colour.
        score: How sure the model is, from 0 to 1.
        box: Left, top, right and bottom in pixels of the picture.
        mask: Which pixels of the picture it has, ``(H, W)``; None when that is not known.
    """

    label: str
    number: int
    score: float
    box: Sequence[float]
    mask: NDArray[np.bool_] | None = None


def draw_objects(picture: Image.Image, objects: Sequence[Drawn]) -> Image.Image:
    """*picture* with *objects* on it."""
    canvas = Canvas.of(picture)
    masked = [each for each in objects if each.mask is not None]
    image = overlaid(
        canvas,
        [each.mask for each in masked if each.mask is not None],
        [colour_of(each.number) for each in masked],
        alpha=_ALPHA,
        outline_px=max(1, canvas.line_px // 2),
    )
    # The large ones first, so that they do not cover the small ones.
    in_turn = sorted(objects, key=lambda each: -_area(each.box))
    image = _with_boxes(image, canvas, in_turn)
    boxes = [canvas.box(each.box) for each in objects]
    tags = Tags(ImageDraw.Draw(image), image.size, canvas.font_for(len(objects)), boxes)
    for each in sorted(objects, key=lambda each: -each.score):
        tags.add(each.label, percent(each.score), canvas.box(each.box), colour_of(each.number))
    return image


def _with_boxes(image: Image.Image, canvas: Canvas, objects: Sequence[Drawn]) -> Image.Image:
    from torchvision.utils import draw_bounding_boxes

    if not objects:
        return image
    boxes = torch.tensor([canvas.box(each.box) for each in objects])
    drawn = draw_bounding_boxes(
        torch.from_numpy(np.array(image)).permute(2, 0, 1),
        boxes,
        colors=[colour_of(each.number) for each in objects],
        width=canvas.line_px,
    )
    return Image.fromarray(drawn.permute(1, 2, 0).numpy())


def _area(box: Sequence[float]) -> float:
    return abs(box[2] - box[0]) * abs(box[3] - box[1])
