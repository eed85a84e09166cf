"""Words on coloured ground, put where they hide as little as possible."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import ImageDraw

from default_handlers.drawing.canvas import Box
from default_handlers.drawing.words import line_height, shortened, width_of, write
from default_handlers.palette import Colour, readable_on
from ts_sdk.fonts import Font

_WIDEST_SHARE = 0.5
"""Of the canvas, for a tag at a narrower box."""
_SMALL = 4
"""How many times as large as a tag a box is that may be written on."""
_MOST_HIDDEN = 0.1
"""Of a tag, that may lie over earlier ones."""


@dataclass
class Tags:
    """The tags on one canvas.

    Attributes:
        draw: Draws on the canvas.
        size: Its width and height in pixels.
        font: What the tags are written in.
        boxes: Those of all objects; the small ones among them are hidden only where nothing else
            is left.
        taken: The places that earlier tags have.
    """

    draw: ImageDraw.ImageDraw
    size: tuple[int, int]
    font: Font
    boxes: Sequence[Box] = ()
    taken: list[Box] = field(default_factory=list)

    def add(self, label: str, number: str, box: Box, colour: Colour) -> None:
        """Write *label* and *number* at *box*: above, inside, below, wherever no other tag is.

        They never reach beyond the canvas; a label that is too long is cut off. Where there is no
        place beside the tags that are there already, it is left out.
        """
        padding = line_height(self.font) // 4
        room = min(max(box[2] - box[0], self.size[0] * _WIDEST_SHARE), self.size[0])
        behind = f" {number}"
        room_for_label = room - 2 * padding - self.font.getlength(behind)
        text = f"{shortened(label, self.font, room_for_label)}{behind}"
        width = width_of(text, self.font) + 2 * padding
        height = line_height(self.font) + padding
        places = [self._within(place, width, height) for place in _places(box, width, height)]
        small = [each for each in self.boxes if _area(each) < _SMALL * width * height]
        # The first of those that hide the least.
        place = min(places, key=lambda each: (_common(each, self.taken), _common(each, small)))
        if _common(place, self.taken) > _MOST_HIDDEN * width * height:
            return
        self.taken.append(place)
        self.draw.rectangle(place, fill=colour)
        middle = (place[0] + padding, place[1] + height / 2)
        write(self.draw, middle, text, self.font, readable_on(colour))

    def _within(self, place: tuple[float, float], width: float, height: float) -> Box:
        left = min(max(place[0], 0), max(self.size[0] - width, 0))
        top = min(max(place[1], 0), max(self.size[1] - height, 0))
        return left, top, left + width, top + height


def _common(place: Box, others: Sequence[Box]) -> float:
    """How many pixels *place* has in common with the others."""
    return sum(
        max(0.0, min(place[2], other[2]) - max(place[0], other[0]))
        * max(0.0, min(place[3], other[3]) - max(place[1], other[1]))
        for other in others
    )


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _places(box: Box, width: float, height: float) -> list[tuple[float, float]]:
    """Where the top left corner of a tag of that size may be, the best place first."""
    left, top, right, bottom = box
    downwards = [top - height, top, bottom, bottom - height]
    places = [(left, each) for each in downwards] + [(right - width, each) for each in downwards]
    steps = int((bottom - top) / height)
    return places + [(left, top + step * height) for step in range(1, steps)]
