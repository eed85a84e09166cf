"""`Placement`: where what a model sees lies in the picture that was sent."""

from dataclasses import dataclass

import torch

from default_handlers.pictures import Box, Size

_HALF = 0.5 + 1e-9
"""From a pixel's centre to its edge, and a little more, since positions are rounded."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a picture was resized and cropped, and the way back.

    Attributes:
        size: Width and height in pixels of the picture that was sent, upright.
        resized: Width and height in pixels after resizing.
        crop: What the model sees, in pixels of the resized picture.
    """

    size: Size
    resized: Size
    crop: Box

    @classmethod
    def unchanged(cls, size: Size) -> "Placement":
        """That of a picture which the model sees as it is."""
        return cls(size, size, (0, 0, *size))

    @property
    def seen(self) -> Size:
        """Width and height in pixels of what the model sees."""
        left, top, right, bottom = self.crop
        return right - left, bottom - top

    @property
    def is_whole(self) -> bool:
        """Whether the model sees all of the picture."""
        return self.crop == (0, 0, *self.resized)

    def boxes(self, boxes: torch.Tensor, size: Size) -> torch.Tensor:
        """Boxes of the picture that was sent.

        Args:
            boxes: Left, top, right and bottom, ``(N, 4)``, in pixels of what the model saw.
            size: Width and height of what the model saw, in the pixels of *boxes*.

        Returns:
            The boxes in pixels of the picture, ``(N, 4)`` float32.
        """
        boxes = boxes.to(torch.float32)
        if self.size == size and self.is_whole:
            return boxes
        factors, shifts = zip(*(self._way_back(axis, size[axis]) for axis in (0, 1)), strict=True)
        return boxes * boxes.new_tensor(factors * 2) + boxes.new_tensor(shifts * 2)

    def window(self) -> Box:
        """The pixels of the picture, as it was sent, whose centres the model saw."""
        (left, right), (top, bottom) = self._range(0), self._range(1)
        return left, top, right, bottom

    def positions(self, axis: int, size: int, start: int, end: int) -> torch.Tensor:
        """Where pixels of the picture lie in what a model answered about what it saw.

        Args:
            axis: 0 for across, 1 for down.
            size: How many pixels the answer has along the axis.
            start: The first of the picture's pixels.
            end: The one behind the last.

        Returns:
            The positions of their centres, ``(end - start,)`` float64; the first pixel of the
            answer has its centre at 0.
        """
        factor, shift = self._way_back(axis, size)
        return (torch.arange(start, end, dtype=torch.float64) + 0.5 - shift) / factor - 0.5

    def _way_back(self, axis: int, size: int) -> tuple[float, float]:
        """Factor and shift from *size* pixels of what the model saw to those of the picture."""
        stretch = self.size[axis] / self.resized[axis]
        return stretch * self.seen[axis] / size, stretch * self.crop[axis]

    def _range(self, axis: int) -> tuple[int, int]:
        positions = self.positions(axis, self.seen[axis], 0, self.size[axis])
        inside = (positions >= -_HALF) & (positions < self.seen[axis] - _HALF)
        seen = inside.nonzero()
        return (int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, 0)
