"""What object detectors answer: boxes, class numbers and scores, picture by picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from default_handlers.labels import label_of
from default_handlers.scores import described
from ts_sdk.errors import HandlerContractError

Found = Mapping[str, torch.Tensor]
"""What a model found in one picture: ``boxes`` ``(N, 4)``, ``labels`` and ``scores`` ``(N,)``."""

_KEYS = ("boxes", "labels", "scores")
_BOX_NUMBERS = 4
_LOSSES_AND_FOUND = 2
_SCORE = "score"


@dataclass(frozen=True)
class Detection:
    """One object in a picture.

    Attributes:
        number: Its class.
        box: Left, top, right and bottom in pixels, from the picture's top left corner.
        score: How sure the model is, from 0 to 1.
    """

    number: int
    box: list[float]
    score: float


def as_mapping(detection: Detection, names: Mapping[str, str] | None) -> dict[str, Any]:
    """``{label: [x1, y1, x2, y2], "score": s}``, TorchServe's answer.

    Under a class named "score" the score would take the place of the box: the class has its number
    behind it, as in ``"score (7)"``.
    """
    label = label_of(detection.number, names)
    if label == _SCORE:
        label = f"{label} ({detection.number})"
    return {label: detection.box, _SCORE: detection.score}


def as_record(detection: Detection, names: Mapping[str, str] | None) -> dict[str, Any]:
    """``{"label": …, "index": …, "score": …, "box": [x1, y1, x2, y2]}``."""
    return {
        "label": label_of(detection.number, names),
        "index": detection.number,
        "score": detection.score,
        "box": detection.box,
    }


def found_in(output: Any, pictures: int | None = None) -> list[Found]:  # noqa: ANN401 - whatever the model answers
    """What a detector found, picture by picture.

    Args:
        output: A list with a dict for each picture; or a tuple of losses and such a list, as the
            scripted detectors of torchvision answer.
        pictures: How many pictures the model was given; None when it is not known.

    Raises:
        HandlerContractError: There is no such list, or it is of another length.
    """
    found = output
    if isinstance(output, tuple) and len(output) == _LOSSES_AND_FOUND:
        found = output[1] if isinstance(output[1], list) else output
    if not isinstance(found, list | tuple) or not all(map(_is_found, found)):
        raise HandlerContractError(
            "object_detector needs a model that answers a list with a dict for each picture, of "
            "'boxes' (N, 4), 'labels' (N,) and 'scores' (N,), or a tuple of losses and such a "
            f"list; it answered {described(output)}"
        )
    if pictures is not None and len(found) != pictures:
        raise HandlerContractError(
            f"the model answered {len(found)} dicts for {pictures} pictures; object_detector needs "
            "one for each of them, in order"
        )
    return list(found)


def above(threshold: float, found: Found) -> Found:
    """The objects in one picture whose score is *threshold* or more, or is no number."""
    kept = ~(found["scores"] < threshold)
    return {key: found[key][kept] for key in _KEYS}


def all_numbers(found: Found) -> bool:
    """Whether no box and no score in one picture is NaN or infinite."""
    return all(bool(found[key].isfinite().all()) for key in ("boxes", "scores"))


def as_detections(found: Found) -> list[Detection]:
    """The objects in one picture, in the model's order."""
    numbers, boxes, scores = (found[key].tolist() for key in ("labels", "boxes", "scores"))
    return [Detection(int(n), box, s) for n, box, s in zip(numbers, boxes, scores, strict=True)]


def _is_found(found: object) -> bool:
    tensors = [found.get(key) for key in _KEYS] if isinstance(found, Mapping) else []
    shapes = [each.shape for each in tensors if isinstance(each, torch.Tensor)]
    if len(shapes) != len(_KEYS) or len(shapes[0]) == 0:
        return False
    objects = shapes[0][0]
    return shapes == [(objects, _BOX_NUMBERS), (objects,), (objects,)]
