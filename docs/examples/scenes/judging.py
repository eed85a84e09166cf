"""How right what was found in scenes is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scenes import Scene

ENOUGH = 0.5  # of intersection over union, for a box to be the digit's

Found = tuple[int, Sequence[float]]
"""The number of a digit that was found, and the left, top, right and bottom of its box."""


@dataclass(frozen=True)
class Judgement:
    """How right it is.

    Attributes:
        precision: How much of what was found is there.
        recall: How much of what is there was found.
        overlap: Mean intersection over union of the boxes that were right.
    """

    precision: float
    recall: float
    overlap: float

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, "
            f"overlap of the boxes {self.overlap:.2f}"
        )


def judge(found: Iterable[Sequence[Found]], scenes: Sequence[Scene]) -> Judgement:
    """Compare what was found in scenes, best first, with what is there."""
    there = sum(len(scene.digits) for scene in scenes)
    claimed, overlaps = 0, []
    for objects, scene in zip(found, scenes, strict=True):
        claimed += len(objects)
        left = list(scene.digits)
        for number, box in objects:
            same = [digit for digit in left if digit.number == number]
            best = max(same, key=lambda digit: overlap(box, digit.box), default=None)
            if best is not None and overlap(box, best.box) > ENOUGH:
                left.remove(best)  # it can be found once only
                overlaps.append(overlap(box, best.box))
    right = len(overlaps)
    return Judgement(right / max(1, claimed), right / there, sum(overlaps) / max(1, right))


def overlap(box: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (area(box) + area(other) - shared)


def area(box: Sequence[float]) -> float:
    """Return the area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])
