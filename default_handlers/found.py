"""What detectors answer, in whatever form, picture by picture.

The forms are those of torchvision (a dict of ``boxes``, ``labels``, ``scores`` and ``masks``) and
of Detectron2: `Instances` with ``pred_boxes``, ``pred_classes``, ``scores``, ``pred_masks`` and
``image_size``, also as the dict of its fields, which a scripted model gives, or flattened to a
tuple, as by its `TracingAdapter`: the fields in the alphabetical order of their names, then the
size. An ONNX model gives a tuple, too, in an order of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from default_handlers.pictures import Size
from default_handlers.scores import described
from ts_sdk.errors import HandlerContractError

_BOXES = ("boxes", "pred_boxes")
_LABELS = ("labels", "pred_classes")
_SCORES = ("scores",)
_MASKS = ("masks", "pred_masks")
_SIZE = ("image_size",)
_INSTANCES = ("instances",)
_BOX_NUMBERS = 4
_PAIR = 2
_MASK_DIMENSIONS = (3, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a model found in one picture.

    Attributes:
        boxes: Left, top, right and bottom, ``(N, 4)`` float32.
        labels: Class numbers, ``(N,)``.
        scores: How sure the model is of each, from 0 to 1, ``(N,)`` float32.
        masks: ``(N, h, w)``, of all of what the model saw or of each object's box, bools or from 0
            to 1; None where it answers none.
        size: Width and height of the picture in whose pixels the boxes are; None where the model
            does not tell, and they are those of what it saw.
    """

    boxes: torch.Tensor
    labels: torch.Tensor
    scores: torch.Tensor
    masks: torch.Tensor | None = None
    size: Size | None = None

    def __getitem__(self, kept: torch.Tensor) -> "Found":
        """Some of the objects.

        Args:
            kept: Their positions in order, or a bool for each.
        """
        masks = None if self.masks is None else self.masks[kept.to(self.masks.device)]
        return Found(self.boxes[kept], self.labels[kept], self.scores[kept], masks, self.size)

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def is_finite(self) -> bool:
        """Whether none of the numbers is NaN or infinite."""
        numbers = (self.boxes, self.scores, self.labels)
        return all(bool(each.isfinite().all()) for each in numbers)


def found_in(output: Any) -> list[Found]:  # noqa: ANN401 - whatever the model answers
    """What a detector found, picture by picture.

    Args:
        output: One of the forms that this module names for each picture, in a list; a tuple of
            losses and such a list, as the scripted detectors of torchvision answer; or, for a
            single picture, one of the forms alone.

    Raises:
        HandlerContractError: There is nothing like that.
    """
    found = [_found(each) for each in _parts(output)]
    good = [each for each in found if each is not None]
    if len(good) < len(found):
        raise HandlerContractError(
            "object_detector needs a model that answers a list with a dict for each picture, of "
            "'boxes' (N, 4), 'labels' (N,) and 'scores' (N,), or a tuple of losses and such a "
            "list, or instances as Detectron2's models answer; it answered "
            f"{described(output)}"
        )
    return good


def parts_of(output: Any, pictures: int) -> list[Any]:  # noqa: ANN401 - as above
    """What a detector answered about each picture, as it is.

    Args:
        output: As `found_in` takes it.
        pictures: How many pictures the model was given.

    Raises:
        HandlerContractError: There is nothing like that, or not as much for as many pictures.
    """
    found_in(output)
    parts = _parts(output)
    if len(parts) != pictures:
        raise HandlerContractError(
            f"the model answered for {len(parts)} pictures and was given {pictures}; "
            "object_detector needs an answer for each of them, in order"
        )
    return parts


def _parts(output: Any) -> list[Any]:  # noqa: ANN401 - as above
    if isinstance(output, tuple) and len(output) == _PAIR and isinstance(output[1], list):
        return output[1]  # behind the losses
    if isinstance(output, list | tuple) and not _is_flat(output):
        return list(output)
    return [output]


def _is_flat(answer: list[Any] | tuple[Any, ...]) -> bool:
    return bool(answer) and all(isinstance(each, torch.Tensor) for each in answer)


def _found(answer: Any) -> Found | None:  # noqa: ANN401 - as above
    """What was found in one picture."""
    if isinstance(answer, list | tuple):
        return _flattened(answer) if _is_flat(answer) else None
    instances = _field(answer, _INSTANCES)
    if instances is not None:
        return _found(instances)
    boxes, labels, scores, masks = (
        _field(answer, names) for names in (_BOXES, _LABELS, _SCORES, _MASKS)
    )
    return _checked(_tensor(boxes), labels, scores, _tensor(masks), _field(answer, _SIZE))


def _flattened(tensors: Sequence[torch.Tensor]) -> Found | None:
    """What was found in one picture, by the shapes and types of its fields."""
    boxes = next((each for each in tensors if _is_boxes(each)), None)
    if boxes is None:
        return None
    rest = [each for each in tensors if each is not boxes]
    last = rest[-1] if rest else None
    size = last if last is not None and _is_size(last, len(rest)) else None
    lists = [each for each in rest if each.shape == boxes.shape[:1] and each is not size]
    labels = next((each for each in lists if not each.is_floating_point()), None)
    scores = next((each for each in lists if each.is_floating_point()), None)
    masks = next((each for each in rest if each.dim() in _MASK_DIMENSIONS), None)
    return _checked(boxes, labels, scores, masks, size)


def _is_boxes(tensor: torch.Tensor) -> bool:
    return tensor.dim() == _PAIR and tensor.shape[1] == _BOX_NUMBERS and tensor.is_floating_point()


def _is_size(tensor: torch.Tensor, fields: int) -> bool:
    """Whether *tensor*, the last of so many fields, is the picture's height and width."""
    is_pair = tensor.shape == (_PAIR,) and not tensor.is_floating_point()
    return is_pair and fields > len((_LABELS, _SCORES))


def _field(answer: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - as above
    if isinstance(answer, Mapping):
        return next((answer[name] for name in names if name in answer), None)
    if isinstance(answer, torch.Tensor):
        return None
    return next((getattr(answer, name) for name in names if hasattr(answer, name)), None)


def _tensor(field: Any) -> Any:  # noqa: ANN401 - as above
    """The tensor in *field*, where it wraps one as Detectron2's `Boxes` and `ROIMasks` do."""
    return field if isinstance(field, torch.Tensor) else getattr(field, "tensor", None)


def _checked(boxes: Any, labels: Any, scores: Any, masks: Any, size: Any) -> Found | None:  # noqa: ANN401 - as above
    """What they are, if they are of the right shapes."""
    if not all(isinstance(each, torch.Tensor) for each in (boxes, labels, scores)):
        return None
    count = boxes.shape[:1]
    if boxes.shape != (*count, _BOX_NUMBERS) or not count == labels.shape == scores.shape:
        return None
    if isinstance(masks, torch.Tensor):
        if masks.dim() not in _MASK_DIMENSIONS or masks.shape[:1] != count:
            return None
        masks = masks.flatten(0, 1) if masks.dim() > _MASK_DIMENSIONS[0] else masks
        if masks.shape[:1] != count:  # one for each class, of which it is not said which is meant
            return None
    return Found(boxes.to(torch.float32), labels, scores.to(torch.float32), masks, _size_in(size))


def _size_in(size: Any) -> Size | None:  # noqa: ANN401 - a tuple or a tensor
    """Width and height, of the height and width that the model tells."""
    if size is None:
        return None
    height, width = (int(each) for each in size)
    return width, height
