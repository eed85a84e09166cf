"""From a segmenter's scores to the class of each pixel, of the crop or of the whole picture."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from default_handlers.placement import Placement
from default_handlers.resampling import resampled
from default_handlers.scores import Activation, foreground, probabilities

NO_CLASS = -1
"""The class of pixels that the model did not see."""

_MOST_SCORES = 1 << 24
"""How many scores are resampled at once: 64 MiB of them, whatever the picture's size."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassMap:
    """The class of each pixel.

    Attributes:
        numbers: ``(H, W)`` int16, `NO_CLASS` where the model did not see the picture.
        probabilities: That of the class; for a model of one class, that of the foreground.
            ``(H, W)`` float32, 0 where the model did not see the picture; None when not asked for.
        is_foreground: Whether the model knows one class only: class 1, against class 0.
        is_finite: Whether no pixel's best score was NaN or infinite.
    """

    numbers: NDArray[np.int16]
    probabilities: NDArray[np.float32] | None
    is_foreground: bool
    is_finite: bool = True


@dataclass(frozen=True, slots=True)
class PixelClassifier:
    """How scores become classes.

    Attributes:
        activation: What makes probabilities of scores.
        mask_threshold: For a model of one class, the least probability of the foreground.
        wants_probabilities: Whether they are needed beside the numbers.
    """

    activation: Activation = "softmax"
    mask_threshold: float = 0.5
    wants_probabilities: bool = True

    def of_network(self, scores: torch.Tensor) -> ClassMap:
        """The map in the network's own size, of scores ``(K, h, w)``."""
        numbers, values = self._classified(scores)
        return ClassMap(
            numbers.to(torch.int16).cpu().numpy(),
            values.cpu().numpy() if self._keeps_probabilities(scores) else None,
            is_foreground=len(scores) == 1,
            is_finite=bool(values.isfinite().all()),
        )

    def of_picture(self, scores: torch.Tensor, placement: Placement) -> ClassMap:
        """The map in the size of the picture that was sent.

        Args:
            scores: ``(K, h, w)`` about what the model saw; resampled before they are compared.
            placement: Where that lies in the picture.
        """
        width, height = placement.size
        numbers = np.full((height, width), NO_CLASS, np.int16)
        keeps = self._keeps_probabilities(scores)
        probabilities = np.zeros((height, width), np.float32) if keeps else None
        left, top, right, bottom = placement.window()
        columns = placement.positions(0, scores.shape[2], left, right)
        band = max(1, _MOST_SCORES // (len(scores) * max(1, right - left)))
        is_finite = True
        for start in range(top, bottom, band):
            end = min(start + band, bottom)
            rows = placement.positions(1, scores.shape[1], start, end)
            found, values = self._classified(resampled(scores.to(torch.float32), rows, columns))
            is_finite &= bool(values.isfinite().all())
            numbers[start:end, left:right] = found.cpu().numpy()
            if probabilities is not None:
                probabilities[start:end, left:right] = values.cpu().numpy()
        return ClassMap(numbers, probabilities, len(scores) == 1, is_finite)

    def _keeps_probabilities(self, scores: torch.Tensor) -> bool:
        return self.wants_probabilities or len(scores) == 1

    def _classified(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Class numbers, and probabilities or best scores, ``(h, w)`` each, of ``(K, h, w)``."""
        if len(scores) == 1:
            sure = foreground(scores[0], self.activation)
            return sure >= self.mask_threshold, sure
        if self.wants_probabilities:
            scores = probabilities(scores[None], self.activation)[0]
        best = scores.max(dim=0)
        return best.indices, best.values


def pasted(numbers: NDArray[np.int16], placement: Placement) -> NDArray[np.int16]:
    """A class map of what the model saw, where it lies in the picture that was sent.

    Args:
        numbers: ``(h, w)``, of any size; one of the picture's size is of the whole picture.
        placement: Where what the model saw lies in the picture.

    Returns:
        ``(H, W)``, `NO_CLASS` where the model did not see the picture.
    """
    width, height = placement.size
    if numbers.shape == (height, width):
        return numbers
    whole = np.full((height, width), NO_CLASS, np.int16)
    left, top, right, bottom = placement.window()
    columns = placement.positions(0, numbers.shape[1], left, right)
    rows = placement.positions(1, numbers.shape[0], top, bottom)
    nearest = [
        each.round().clamp(0, size - 1).long().numpy()
        for each, size in zip((rows, columns), numbers.shape, strict=True)
    ]
    whole[top:bottom, left:right] = numbers[np.ix_(*nearest)]
    return whole
