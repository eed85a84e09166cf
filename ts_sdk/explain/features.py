"""What is covered together by the methods that cover parts of the input."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.attributed import Options
from ts_sdk.explain.superpixels import numbered, superpixels

_PICTURE = 4
_MOST = 256


@dataclass(frozen=True)
class Features:
    """The parts of the inputs.

    Attributes:
        masks: For each input ``(1, …)`` of its shape, the number of the part of each value.
        count: How many parts there are.
    """

    masks: tuple[torch.Tensor, ...]
    count: int

    @classmethod
    def of(cls, inputs: Sequence[torch.Tensor], options: Options, cells: int) -> "Features":
        """Of pictures the parts that *options* ask for, with all channels; of others, each value.

        Where there are more than 256 values, neighbours are taken together.

        Args:
            inputs: Each ``(1, …)``.
            options: What the parts are; those that are given are of the first input.
            cells: Into how many rows and columns of parts a picture is divided, about.

        Raises:
            ExplanationError: The parts that are given are not of the input's shape.
        """
        masks, count = [], 0
        for place, tensor in enumerate(inputs):
            if isinstance(options.parts, torch.Tensor) and place == 0:
                mask = _given(options.parts, tensor)
            elif tensor.ndim == _PICTURE:
                mask = _divided(tensor, cells, in_squares=options.parts == "grid")
            else:
                mask = _values(tensor)
            masks.append(mask + count)
            count += int(mask.max()) + 1
        return cls(tuple(masks), count)

    def shared(self, found: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """What was *found* for each part, divided among its values, so that the sum is right."""
        sizes = torch.zeros(self.count, device=self.masks[0].device)
        for mask in self.masks:
            sizes += torch.bincount(mask.flatten(), minlength=self.count)
        return tuple(
            each / sizes[mask].reshape(each.shape)
            for each, mask in zip(found, self.masks, strict=True)
        )


def _given(parts: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    numbers = numbered(parts.to(tensor.device))
    try:
        return numbers.expand(tensor.shape).contiguous()
    except RuntimeError as error:
        raise ExplanationError(
            f"features of shape {tuple(parts.shape)} do not fit an input of shape "
            f"{tuple(tensor.shape[1:])}: give the number of its part for each value"
        ) from error


def _divided(tensor: torch.Tensor, cells: int, *, in_squares: bool) -> torch.Tensor:
    if in_squares:
        return _squares(tensor, cells)
    return superpixels(tensor[0], cells).expand(tensor.shape).contiguous()


def _squares(tensor: torch.Tensor, cells: int) -> torch.Tensor:
    height, width = tensor.shape[-2:]
    down, across = min(cells, height), min(cells, width)
    rows = torch.arange(height, device=tensor.device) * down // height
    columns = torch.arange(width, device=tensor.device) * across // width
    return (rows[:, None] * across + columns).expand(tensor.shape).contiguous()


def _values(tensor: torch.Tensor) -> torch.Tensor:
    count = tensor.numel()
    places = torch.arange(count, device=tensor.device)
    return (places * min(count, _MOST) // max(count, 1)).reshape(tensor.shape)
