"""What is covered together by the methods that cover parts of the input."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

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
    def of(cls, inputs: Sequence[torch.Tensor], cells: int) -> "Features":
        """Of pictures *cells* x *cells* squares with all channels; of others, each value.

        Where there are more than 256 values, neighbours are taken together.
        """
        masks, count = [], 0
        for tensor in inputs:
            mask = _squares(tensor, cells) if tensor.ndim == _PICTURE else _values(tensor)
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
