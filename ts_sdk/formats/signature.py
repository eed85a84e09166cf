"""What a compiled model takes: checked here, since it would read past the end of a wrong tensor."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ts_sdk.errors import RequestError

Size = int | str | None
"""A number; the name of a size that varies, the same wherever it stands; or None for any."""
_SYMBOL = re.compile(r"[su]\d+")


@dataclass(frozen=True)
class TensorInput:
    """One input.

    Attributes:
        name: What it is called.
        dtype: Its numbers' type.
        shape: Its sizes; None when even their count is open.
        order: Its dimensions as they lie in memory, the one with the widest steps first; None
            when any memory layout will do.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[Size, ...] | None
    order: tuple[int, ...] | None = None

    def __str__(self) -> str:
        shape = "any shape" if self.shape is None else _spelled(self.shape)
        return f"{_word(self.dtype)} {shape}"


@dataclass(frozen=True)
class Signature:
    """The inputs of a model, in order, and how far its named sizes may vary.

    Attributes:
        inputs: None stands for an input that is no tensor, which is not looked at.
        ranges: Name of a size → the smallest and the largest that it may be.
        any_float: Whether floats are taken in whatever format they come.
    """

    inputs: tuple[TensorInput | None, ...]
    ranges: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    any_float: bool = False

    @property
    def names(self) -> list[str]:
        """The inputs' names; of one that is no tensor, its position."""
        return [str(place) if each is None else each.name for place, each in enumerate(self.inputs)]

    def fit(self, given: Sequence[object], device: torch.device) -> tuple[list[object], bool]:
        """*given* as the model takes it: on its device, floats in its format.

        Args:
            given: One value an input.
            device: Where the model runs.

        Returns:
            The values, and whether float32 was given where the model computes in another format,
            so that it should be given back too.

        Raises:
            RequestError: A tensor has another type or shape than the model takes.
        """
        sizes: dict[str, tuple[int, str]] = {}
        fitted: list[object] = []
        narrowed = False
        for asked, value in zip(self.inputs, given, strict=True):
            if asked is None:
                fitted.append(value)
                continue
            tensor = _tensor(asked, value)
            self._judge_shape(asked, tensor, sizes)
            if tensor.dtype != asked.dtype:
                cast = _cast(asked, tensor)
                if not self.any_float:
                    narrowed |= tensor.dtype is torch.float32
                    tensor = cast
            fitted.append(_laid_out(tensor.to(device), asked.order))
        return fitted, narrowed

    def _judge_shape(
        self, asked: TensorInput, tensor: torch.Tensor, sizes: dict[str, tuple[int, str]]
    ) -> None:
        if asked.shape is None:
            return
        if len(asked.shape) != tensor.dim():
            raise _mismatch(asked, tensor)
        for size, got in zip(asked.shape, tensor.shape, strict=True):
            if isinstance(size, int):
                if size != got:
                    raise _mismatch(asked, tensor)
            elif size is not None:
                known, where = sizes.setdefault(size, (got, asked.name))
                low, high = self.ranges.get(size, (0, None))
                if known != got:
                    raise _mismatch(asked, tensor, f"{size} is {known} in input {where}")
                if got < low or (high is not None and got > high):
                    limit = f"{low} or more" if high is None else f"{low} to {high}"
                    raise _mismatch(asked, tensor, f"{size} may be {limit}")

    def to_json(self) -> str:
        """The signature as text, for a file's metadata."""
        inputs = [
            None
            if each is None
            else {
                "name": each.name,
                "dtype": _word(each.dtype),
                "shape": each.shape,
                "order": each.order,
            }
            for each in self.inputs
        ]
        return json.dumps({"inputs": inputs, "ranges": dict(self.ranges)})

    @classmethod
    def from_json(cls, text: str) -> "Signature":
        """The signature that `to_json` wrote.

        Raises:
            ValueError: It did not write *text*.
        """
        try:
            read: Any = json.loads(text)
            return cls(
                tuple(None if each is None else _input(each) for each in read["inputs"]),
                {str(name): (int(low), high) for name, (low, high) in read["ranges"].items()},
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"the description of the inputs is damaged: {error!r}") from error


def order_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """The dimensions of *tensor* as they lie in memory, the one with the widest steps first."""
    strides = tensor.stride()
    return tuple(sorted(range(tensor.dim()), key=lambda place: -strides[place]))


def _laid_out(tensor: torch.Tensor, order: tuple[int, ...] | None) -> torch.Tensor:
    """*tensor* without gaps, its dimensions in this order in memory."""
    if order is None or len(order) != tensor.dim():
        return tensor
    if order == tuple(range(len(order))):
        return tensor.contiguous()
    back = [order.index(place) for place in range(len(order))]
    return tensor.permute(order).contiguous().permute(back)


def _input(read: Mapping[str, Any]) -> TensorInput:
    shape, order, dtype = read["shape"], read["order"], getattr(torch, read["dtype"])
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"{read['dtype']} is no type of numbers")
    if shape is not None and not all(isinstance(size, int | str | None) for size in shape):
        raise TypeError(f"{shape} is no shape")
    if order is not None and sorted(order) != [*range(len(order))]:
        raise TypeError(f"{order} is no order of dimensions")
    return TensorInput(
        str(read["name"]),
        dtype,
        None if shape is None else tuple(shape),
        None if order is None else tuple(order),
    )


def _tensor(asked: TensorInput, value: object) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value
    if hasattr(value, "__array__"):
        return torch.as_tensor(value)
    raise RequestError(
        f"the model's input {asked.name} must be a tensor ({asked}), not a {type(value).__name__}"
    )


def _cast(asked: TensorInput, tensor: torch.Tensor) -> torch.Tensor:
    """Floats in another format; whole numbers are never taken for something else."""
    if tensor.is_floating_point() and asked.dtype.is_floating_point:
        return tensor.to(asked.dtype)
    raise _mismatch(asked, tensor)


def _mismatch(asked: TensorInput, tensor: torch.Tensor, why: str = "") -> RequestError:
    got = f"{_word(tensor.dtype)} {_spelled(tuple(tensor.shape))}"
    if not why and asked.shape is not None:  # a size that nobody speaks of needs no name
        asked = replace(asked, shape=tuple(map(_without_symbol, asked.shape)))
    return RequestError(
        f"the model's input {asked.name} must be {asked}, got {got}{f': {why}' if why else ''}"
    )


def _without_symbol(size: Size) -> Size:
    """*size*, but None for one that only has a name of torch's making, such as ``s43``."""
    return None if isinstance(size, str) and _SYMBOL.fullmatch(size) else size


def _spelled(shape: Sequence[Size]) -> str:
    inside = ", ".join("any" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
