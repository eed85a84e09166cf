"""A text and its classes: a bar for each class, and below it the text as the model saw it."""

import functools
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from PIL import Image, ImageDraw, ImageFont

from default_handlers.drawing.canvas import FAINT, PAPER, beside, stacked
from default_handlers.drawing.ranking import Ranked, ranking_panel
from default_handlers.drawing.words import INK, write
from default_handlers.palette import Colour
from default_handlers.text_marks import MOST_DRAWN, Mark, Sight
from ts_sdk.fonts import Font, drawable, fitting

_WIDTH_PX = 960
_TEXT_PX, _NOTE_PX = 21, 17
_LINE_PX = 34
_MARGIN_PX = 21
_MOST_LINES = 44
_MOST_CLASSES = 8
_MOST_UNSEEN = 400
"""How many characters are drawn of what was cut off."""
_MOST_TEXTS = 8
_PALE: Colour = (110, 113, 118)
_FADED: Colour = (168, 171, 176)
_COLOURS = {Sight.KNOWN: INK, Sight.UNKNOWN: _PALE, Sight.UNSEEN: _FADED}
_NOTES = {
    Sight.UNKNOWN: "On grey: what the model does not know.",
    Sight.UNSEEN: "Struck out: what was cut off, and the model did not see.",
}
_WORD_OR_BREAK = re.compile(r"\n\s*\n|\S+")


@dataclass(frozen=True, slots=True)
class _Placed:
    """Letters in their place."""

    text: str
    font: Font
    sight: Sight
    left: float
    line: int
    width: float


def draw_text(text: str, marks: Sequence[Mark], ranked: Ranked) -> Image.Image:
    """What *text* is taken for, and the text.

    Args:
        text: The text.
        marks: What its parts are for the model, in order; what lies between them is known.
        ranked: Label and probability of its classes, in any order.
    """
    best = sorted(ranked, key=lambda each: -each[1])[:_MOST_CLASSES]
    bars = ranking_panel(best, _WIDTH_PX, _text_font())
    start, end = _window(text, marks)
    placed, drawn_to = _laid_out(text, start, end, marks)
    notes = [note for sight, note in _NOTES.items() if any(each.sight is sight for each in placed)]
    left_out = len(text[:start].rstrip()) + len(text[drawn_to:].strip())
    if left_out:
        notes.append(f"{left_out:,} more characters of the text are not drawn.")
    if len(ranked) > len(best):
        notes.append(f"{len(ranked) - len(best):,} more classes are not drawn.")
    return beside(bars, _text_panel(placed, notes), below=True)


def draw_texts(texts: Iterable[tuple[str, Sequence[Mark], Ranked]], count: int) -> Image.Image:
    """The first of *count* texts below each other, each as `draw_text` draws it."""
    drawn = [draw_text(*each) for each in islice(texts, _MOST_TEXTS)]
    if count > _MOST_TEXTS:
        drawn.append(_text_panel([], [f"{count - _MOST_TEXTS:,} more texts are not drawn."]))
    return stacked(drawn)


@functools.cache
def _text_font() -> Font:
    return ImageFont.load_default(_TEXT_PX)


def _window(text: str, marks: Sequence[Mark]) -> tuple[int, int]:
    """Which part of a text is drawn: what the model saw, with a little of what it did not."""
    seen = [each for each in marks if each.sight is not Sight.UNSEEN]
    first, last = (seen[0].start, seen[-1].end) if seen else (0, 0)
    if marks and marks[-1].sight is not Sight.UNSEEN:
        last = len(text)  # of which not all need be marked
    start = max(0, first - _MOST_UNSEEN)
    return start, min(len(text), start + MOST_DRAWN, last + _MOST_UNSEEN)


def _laid_out(text: str, start: int, end: int, marks: Sequence[Mark]) -> tuple[list[_Placed], int]:
    """The letters in lines, and up to which character of the text they go."""
    placed: list[_Placed] = []
    left, line = 0.0, 0
    room = _WIDTH_PX - 2 * _MARGIN_PX
    space = _text_font().getlength(" ")
    for found in _WORD_OR_BREAK.finditer(text, start, end):
        if not found.group().strip():
            left, line = 0.0, line + (2 if placed else 0)
            continue
        parts = list(_parts(found.start(), found.end(), marks))
        pieces = [piece for part in parts for piece in _pieces(text, part, room)]
        whole = sum(width for _, _, _, width in pieces)
        if left and left + min(whole, room) > room:
            left, line = 0.0, line + 1
        for letters, font, sight, width in pieces:
            if left and left + width > room:
                left, line = 0.0, line + 1
            if line >= _MOST_LINES:
                return placed, found.start()
            placed.append(_Placed(letters, font, sight, left, line, width))
            left += width
        left += space
    return placed, end


def _parts(start: int, end: int, marks: Sequence[Mark]) -> Iterator[Mark]:
    """The part of a text from *start* to *end*, divided where it is marked otherwise."""
    at = start
    place = max(0, bisect_right(marks, start, key=lambda each: each.end))
    for mark in marks[place:]:
        if mark.start >= end:
            break
        if mark.start > at:
            yield Mark(at, mark.start, Sight.KNOWN)
        yield Mark(max(at, mark.start), min(end, mark.end), mark.sight)
        at = min(end, mark.end)
    if at < end:
        yield Mark(at, end, Sight.KNOWN)


def _pieces(text: str, part: Mark, room: float) -> Iterator[tuple[str, Font, Sight, float]]:
    """The letters of a part, in pieces that each have a place in one line."""
    letters, font = fitting(drawable(text[part.start : part.end]), _text_font())
    while letters:
        count = len(letters)
        while count > 1 and font.getlength(letters[:count]) > room:
            count = count * 3 // 4
        yield letters[:count], font, part.sight, font.getlength(letters[:count])
        letters = letters[count:]


def _text_panel(placed: Sequence[_Placed], notes: Sequence[str]) -> Image.Image:
    lines = max((each.line + 1 for each in placed), default=0)
    text_px = lines * _LINE_PX + (_MARGIN_PX if lines else 0)
    height = text_px + (len(notes) * _LINE_PX + _MARGIN_PX // 2 if notes else 0)
    panel = Image.new("RGB", (_WIDTH_PX, height + _MARGIN_PX // 2), PAPER)
    draw = ImageDraw.Draw(panel)
    if lines:
        draw.line((_MARGIN_PX, 0, _WIDTH_PX - _MARGIN_PX, 0), FAINT, 2)
    for each in placed:
        _draw_letters(draw, each)
    small = ImageFont.load_default(_NOTE_PX)
    for row, note in enumerate(notes):
        middle = text_px + _MARGIN_PX // 2 + (row + 0.5) * _LINE_PX
        write(draw, (_MARGIN_PX, middle), note, small, _PALE)
    return panel


def _draw_letters(draw: ImageDraw.ImageDraw, placed: _Placed) -> None:
    left, middle = _MARGIN_PX + placed.left, _MARGIN_PX / 2 + (placed.line + 0.5) * _LINE_PX
    if placed.sight is Sight.UNKNOWN:
        ground = (left, middle - _LINE_PX * 0.42, left + placed.width, middle + _LINE_PX * 0.42)
        draw.rectangle(ground, fill=FAINT)
    write(draw, (left, middle), placed.text, placed.font, _COLOURS[placed.sight])
    if placed.sight is Sight.UNSEEN:
        draw.line((left, middle, left + placed.width, middle), _FADED, 2)
