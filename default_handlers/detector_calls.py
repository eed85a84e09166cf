"""How an object detector is given its pictures."""

import re
import warnings
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch

from default_handlers.found import parts_of

Inputs = Literal["auto", "batch", "list", "dicts", "single"]
INPUTS: tuple[Inputs, ...] = get_args(Inputs)

_REMARK = r".* always returns a \(Losses, Detections\) tuple in scripting"
_REMARKS = ("ignore", re.compile(_REMARK, re.IGNORECASE), UserWarning, None, 0)
"""An entry of `warnings.filters` for what torchvision's scripted detectors say once each."""

Call = Callable[[Any], Any]
"""Calls the model with one argument."""


def answers_to(
    pictures: torch.Tensor, inputs: Inputs, call: Call, *, one_by_one: bool = False
) -> Any:  # noqa: ANN401 - whatever the model answers
    """What the model answers about pictures of one size.

    Args:
        pictures: ``(B, C, H, W)``, on the model's device.
        inputs: The form in which it takes them; not ``"auto"``.
        call: Calls it.
        one_by_one: Whether it takes a tuple of one dict at a time.

    Returns:
        What it answered; where it takes one picture at a time, a list with that about each.
    """
    if inputs == "single":
        return [parts_of(call(each), 1)[0] for each in pictures]
    if inputs == "dicts" and one_by_one:
        return [parts_of(call(({"image": each},)), 1)[0] for each in pictures]
    if inputs == "dicts":
        return call([{"image": each} for each in pictures])
    return call(list(pictures) if inputs == "list" else pictures)


def inputs_of(model: object) -> tuple[Inputs, bool]:
    """What *model* takes, and whether that is a tuple with one dict.

    A scripted model says it; all others are given one tensor, as TorchServe gave it to them:
    torchvision's go through its first dimension as they would go through a list.
    """
    if not isinstance(model, torch.jit.ScriptModule):
        return "batch", False
    inputs = list(model.graph.inputs())
    kind: Any = inputs[1].type() if len(inputs) > 1 else None
    if kind is None or kind.kind() not in {"ListType", "TupleType"}:
        return "batch", False
    is_tuple = kind.kind() == "TupleType"
    item = kind.elements()[0] if is_tuple else kind.getElementType()
    if item.kind() == "DictType":
        return "dicts", is_tuple
    return ("batch" if is_tuple else "list"), False


def keep_remarks_out_of_the_log() -> None:
    """Let torchvision's scripted detectors be silent about what they return."""
    # For each call, and not around it: see `default_handlers.decoding`.
    if _REMARKS not in warnings.filters:
        warnings.filterwarnings("ignore", message=_REMARK, category=UserWarning)
