"""Classes and their probabilities: the picture with a bar for each."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from default_handlers.drawing.canvas import FAINT, PAPER, Canvas, beside
from default_handlers.drawing.words import line_height, percent, shortened, width_of, write
from default_handlers.palette import Colour
from ts_sdk.fonts import Font

Ranked = Sequence[tuple[str, float]]
"""Label and probability, the most probable first."""

_BAR: Colour = (26, 115, 232)
_NARROWEST_PX = 420
_PORTRAIT = 1.15
_LABEL_SHARE = 0.45
_NUMBER = "100.0 %"
_NOTHING = "no class is probable enough"


def draw_ranking(picture: Image.Image, ranked: Ranked) -> Image.Image:
    """*picture* with a panel that shows what it is taken for."""
    canvas = Canvas.of(picture)
    below = canvas.image.height <= _PORTRAIT * canvas.image.width
    width = max(_NARROWEST_PX, canvas.image.width if below else canvas.image.height * 2 // 3)
    return beside(canvas.image, ranking_panel(ranked, width, canvas.font), below=below)


def ranking_panel(ranked: Ranked, width: int, font: Font) -> Image.Image:
    """A bar for each class, with its label and its probability."""
    text_px = line_height(font)
    row_px, margin = round(text_px * 1.7), text_px
    panel = Image.new("RGB", (width, row_px * max(1, len(ranked)) + margin), PAPER)
    draw = ImageDraw.Draw(panel)
    number_px = font.getlength(_NUMBER)
    widest = max((width_of(label, font) for label, _ in ranked), default=0)
    label_px = min(widest, (width - 3 * margin) * _LABEL_SHARE)
    start, end = margin + label_px + margin, width - margin - number_px - margin / 2
    for row, (label, probability) in enumerate(ranked):
        middle = margin / 2 + (row + 0.5) * row_px
        write(draw, (margin, middle), shortened(label, font, label_px), font)
        top, bottom = middle - text_px / 2, middle + text_px / 2
        draw.rectangle((start, top, end, bottom), fill=FAINT)
        filled = min(max(probability, 0), 1) * (end - start)
        if filled >= 1:
            draw.rectangle((start, top, start + filled, bottom), fill=_BAR)
        told = percent(probability, 1)
        write(draw, (width - margin - font.getlength(told), middle), told, font)
    if not ranked:
        write(draw, (margin, panel.height / 2), _NOTHING, font)
    return panel
