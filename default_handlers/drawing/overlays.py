"""Masks over a picture, with their outlines."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from default_handlers.drawing.canvas import Canvas
from default_handlers.palette import Colour


def overlaid(
    canvas: Canvas,
    masks: Sequence[NDArray[np.bool_]],
    colours: Sequence[Colour],
    *,
    alpha: float,
    outline_px: int,
) -> Image.Image:
    """The image of *canvas* with masks over it.

    Args:
        canvas: The picture.
        masks: Each is of all of the picture, ``(H, W)``.
        colours: One for each mask.
        alpha: How much the colours cover, from 0 to 1.
        outline_px: How thick the line is along the inner edge of each; 0 for none.
    """
    from torchvision.utils import draw_segmentation_masks

    if not masks:
        return canvas.image
    inside = torch.stack([torch.from_numpy(canvas.mask(mask)) for mask in masks])
    drawn = torch.from_numpy(np.array(canvas.image)).permute(2, 0, 1)
    # One by one, the first on top: torchvision leaves out what several masks have in common.
    for mask, colour in reversed(list(zip(inside, colours, strict=True))):
        drawn = draw_segmentation_masks(drawn, mask, alpha=alpha, colors=[colour])
    for mask, colour in zip(inside, colours, strict=True) if outline_px else ():
        edge = mask & ~_shrunk(mask, outline_px)
        drawn[:, edge] = torch.tensor(colour, dtype=torch.uint8)[:, None]
    return Image.fromarray(drawn.permute(1, 2, 0).numpy())


def _shrunk(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """*mask* without the pixels that are less than so many *pixels* from its outside."""
    outside = 1 - mask.to(torch.float32)[None, None]
    grown = torch.nn.functional.max_pool2d(outside, 2 * pixels + 1, stride=1, padding=pixels)
    return grown[0, 0] == 0
