"""What a model's output is about: classes, classes of pixels, or objects; and one score of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch

from ts_sdk.errors import ExplanationError

Score = Callable[[Any], torch.Tensor]
"""From the model's output for N rows to the score of each, ``(N,)``."""

_SAME_OBJECT = 0.5
"""From this overlap (intersection over union) on, a box is the one that was chosen."""
_PIXELS = 4
_NAMES = ("logits", "out")


class Task(StrEnum):
    """What is answered."""

    CLASSIFICATION = "classification"
    SEGMENTATION = "segmentation"
    DETECTION = "detection"


@dataclass(frozen=True)
class Target:
    """What is explained.

    Attributes:
        index: The class; of a detection, the object's place in the model's output.
        name: What the class is called; its number where it has no name.
        score: The model's own number for it, such as a logit.
        box: Of a detection, the object's left, top, right and bottom, in the model's pixels.
    """

    index: int
    name: str
    score: float
    box: tuple[float, ...] | None = None


def task_of(output: Any) -> Task:  # noqa: ANN401 - whatever a model gives
    """What *output* is about.

    Raises:
        ExplanationError: That cannot be told.
    """
    if _is_detection(output):
        return Task.DETECTION
    return Task.SEGMENTATION if _scores_in(output).ndim == _PIXELS else Task.CLASSIFICATION


def rows_in(output: Any) -> int:  # noqa: ANN401 - as above
    """For how many inputs *output* is."""
    if _is_detection(output):
        return 1 if isinstance(output, Mapping) else len(output)
    return int(_scores_in(output).shape[0])


def class_scores(output: Any) -> torch.Tensor:  # noqa: ANN401 - as above
    """The scores ``(N, K)`` of classes in *output*; over pixels they are added up."""
    scores = _scores_in(output).float()
    if scores.ndim == _PIXELS:
        return scores.sum((2, 3))
    return scores.reshape(scores.shape[0], -1)


def score_of_class(index: int, region: torch.Tensor | None = None) -> Score:
    """The score of class *index*; of a segmentation, the sum over the pixels in *region*.

    Args:
        index: The class.
        region: ``(H, W)``, True in it; None for a classification.
    """
    if region is None:
        return lambda answer: class_scores(answer)[:, index]
    return lambda answer: (_scores_in(answer)[:, index].float() * region).sum((1, 2))


def classes_of_pixels(output: Any) -> torch.Tensor:  # noqa: ANN401 - as above
    """The class ``(H, W)`` of each pixel of one segmentation; a single score is that of class 1."""
    scores = _scores_in(output)[0]
    return scores.argmax(0) if len(scores) > 1 else (scores[0] > 0).long()


def size_of_pixels(output: Any) -> tuple[int, int]:  # noqa: ANN401 - as above
    """Width and height of a segmentation."""
    height, width = _scores_in(output).shape[2:]
    return width, height


def against(score: Score) -> Score:
    """The negative score: that of class 0, where the model has one for class 1 alone."""
    return lambda answer: -score(answer)


def objects_in(output: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401 - as above
    """The objects that a detector found in one picture: its boxes, labels and scores."""
    (found,) = _per_picture(output)
    return {
        "boxes": _field(found, "boxes", "pred_boxes"),
        "scores": _field(found, "scores"),
        "labels": _field(found, "labels", "pred_classes"),
    }


def score_of_object(box: torch.Tensor, label: int) -> Score:
    """The score of the object that overlaps *box* most among those of class *label*; 0 for none."""

    def one(found: Any) -> torch.Tensor:  # noqa: ANN401 - as above
        each = objects_in([found])
        same = each["labels"] == label
        if not same.any():
            return each["scores"].sum() * 0
        overlap = _overlap(each["boxes"].detach()[same], box.to(each["boxes"].device))
        best = int(overlap.argmax())
        score: torch.Tensor = each["scores"][same][best]
        return score if overlap[best] >= _SAME_OBJECT else score * 0

    return lambda answer: torch.stack([one(found) for found in _per_picture(answer)])


def _overlap(boxes: torch.Tensor, box: torch.Tensor) -> torch.Tensor:
    """Intersection over union of each of *boxes* with *box*."""
    corner, end = torch.maximum(boxes[:, :2], box[:2]), torch.minimum(boxes[:, 2:], box[2:])
    common = (end - corner).clamp(min=0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return common / (areas - common).clamp(min=1e-9)


def _is_detection(output: Any) -> bool:  # noqa: ANN401 - as above
    if isinstance(output, tuple) and len(output) > 1 and isinstance(output[1], list):
        return _is_detection(output[1])  # losses and detections, of scripted detectors
    found = output[0] if isinstance(output, list) and output else output
    return isinstance(found, Mapping) and {"boxes", "scores"} <= found.keys()


def _per_picture(output: Any) -> Sequence[Any]:  # noqa: ANN401 - as above
    if isinstance(output, tuple):
        output = output[1]
    return [output] if isinstance(output, Mapping) else list(output)


def _field(found: Any, *names: str) -> torch.Tensor:  # noqa: ANN401 - as above
    for name in names:
        if name in found:
            value: torch.Tensor = found[name]
            return value
    raise ExplanationError(f"a detection has no {names[0]}, only {', '.join(map(str, found))}")


def _scores_in(output: Any) -> torch.Tensor:  # noqa: ANN401 - as above
    found = output
    if isinstance(output, Mapping):
        found = next((output[name] for name in _NAMES if name in output), None)
    elif isinstance(output, list | tuple):
        found = output[0] if output else None
    elif not isinstance(output, torch.Tensor):
        found = getattr(output, "logits", None)
    if isinstance(found, torch.Tensor) and found.ndim > 0 and found.is_floating_point():
        return found if found.ndim > 1 else found[:, None]
    raise ExplanationError(
        "explanations are of scores (B, classes), of pixels (B, classes, H, W), or of detections "
        f"with boxes, labels and scores; the model answers a {type(output).__name__} without them"
    )
