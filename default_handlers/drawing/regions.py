"""The classes of a picture's pixels: the picture in their colours, with a legend."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from default_handlers.drawing.canvas import FAINT, PAPER, Canvas, beside
from default_handlers.drawing.overlays import overlaid
from default_handlers.drawing.words import line_height, percent, shortened, width_of, write
from default_handlers.palette import Colour, colour_of
from ts_sdk.fonts import Font

_ALPHA = 0.5
_UNSEEN: Colour = (255, 255, 255)
_UNSEEN_ALPHA = 0.6
_MOST_ENTRIES = 24
_NARROWEST_PX = 240
_WIDEST_LABEL = 24
"""Of capital letters, that a column of the legend has room for at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A class that some pixels have.

    Attributes:
        label: What it is called.
        number: Its number, which decides its colour.
        share: How much of the picture it has, from 0 to 1.
        mask: Which of the picture's pixels, ``(H, W)``; None where that is not known.
        is_background: Whether it is what is left when all else is named: it is not coloured.
    """

    label: str
    number: int
    share: float
    mask: NDArray[np.bool_] | None
    is_background: bool = False


def draw_regions(
    picture: Image.Image, regions: Sequence[Region], unseen: NDArray[np.bool_] | None = None
) -> Image.Image:
    """*picture* with *regions* over it, and a legend below.

    Args:
        picture: Mode RGB.
        regions: The classes there are, in the order of the legend.
        unseen: Which of its pixels the model did not see, ``(H, W)``: they are made pale. None for
            none.
    """
    canvas = Canvas.of(picture)
    if unseen is not None and unseen.any():
        image = overlaid(canvas, [unseen], [_UNSEEN], alpha=_UNSEEN_ALPHA, outline_px=0)
        canvas = canvas.with_image(image)
    coloured = [each for each in regions if not each.is_background]
    image = overlaid(
        canvas,
        [each.mask for each in coloured if each.mask is not None],
        [colour_of(each.number) for each in coloured if each.mask is not None],
        alpha=_ALPHA,
        outline_px=max(1, canvas.line_px // 2),
    )
    legend = _legend(regions, max(image.width, _NARROWEST_PX), canvas.font)
    return beside(image, legend, below=True)


def _legend(regions: Sequence[Region], width: int, font: Font) -> Image.Image:
    """A panel with a patch of colour, the label and the share of each region, in columns."""
    text_px = line_height(font)
    margin, row_px, patch = text_px, round(text_px * 1.6), text_px
    told = [(each, f"{each.label}  {percent(each.share, 1)}") for each in regions[:_MOST_ENTRIES]]
    most_px = min(_WIDEST_LABEL * font.getlength("N"), width - 2 * margin - 2 * patch)
    label_px = min(max((width_of(text, font) for _, text in told), default=0), most_px)
    column_px = patch * 1.6 + label_px + margin
    columns = max(1, int((width - margin) // column_px))
    rows = -(-len(told) // columns)
    left_out = len(regions) - len(told)
    height = margin + row_px * (rows + (left_out > 0 or not told))
    panel = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(panel)
    for place, (region, _) in enumerate(told):
        left = margin + (place % columns) * column_px
        middle = margin / 2 + (place // columns + 0.5) * row_px
        colour = FAINT if region.is_background else colour_of(region.number)
        draw.rectangle((left, middle - patch / 2, left + patch, middle + patch / 2), fill=colour)
        behind = f"  {percent(region.share, 1)}"
        label = shortened(region.label, font, label_px - font.getlength(behind))
        write(draw, (left + patch * 1.6, middle), f"{label}{behind}", font)
    if left_out or not told:
        note = f"and {left_out} more" if left_out else "nothing is there"
        write(draw, (margin, height - margin / 2 - row_px / 2), note, font)
    return panel
