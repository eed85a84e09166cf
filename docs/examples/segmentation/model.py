"""A small segmenter of handwritten digits.

It says twice what it sees: coarsely which digit is where, and finely what is ink. One alone learns
the shapes slowly, the other blurs them. Long, Shelhamer and Darrell, "Fully Convolutional Networks
for Semantic Segmentation" (2015), have the fusion of coarse and fine; Shi et al., "Real-Time Single
Image and Video Super-Resolution" (2016), the shuffle.
"""

import torch
from torch import nn
from torch.nn import functional

CLASSES = 11  # nothing and ten digits
STRIDE_PX = 4  # of what is said coarsely
DEEPEST_PX = 8  # what the sides of a picture are multiples of, after padding


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution of three by three pixels with what belongs to it."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class DigitSegmenter(nn.Module):
    """Says what each pixel of pictures ``(B, 3, H, W)`` from 0 to 1 is."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = convolution(3, 16, 2)
        self.middle = nn.Sequential(convolution(16, 32, 2), convolution(32, 32))
        self.deep = nn.Sequential(
            convolution(32, 64, 2), convolution(64, 64), convolution(64, 64), nn.Conv2d(64, 32, 1)
        )
        self.joined = convolution(32, 64)
        self.coarse = nn.Conv2d(64, CLASSES, 1)
        self.hint = nn.Conv2d(64, 16, 1)
        self.ink = nn.Sequential(convolution(16, 24), nn.Conv2d(24, 4, 1), nn.PixelShuffle(2))

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return scores ``(B, 11, H, W)`` as ``out``."""
        height, width = pictures.shape[2:]
        padded = functional.pad(pictures, (0, -width % DEEPEST_PX, 0, -height % DEEPEST_PX))
        scores = self.maps(padded)[1]
        return {"out": scores[:, :, :height, :width]}

    def maps(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is said coarsely, and in the end.

        Args:
            pictures: ``(B, 3, H, W)`` with sides that are multiples of 8.

        Returns:
            Scores ``(B, 11, H / 4, W / 4)`` and ``(B, 11, H, W)``.
        """
        fine = self.fine(pictures * 2 - 1)
        middle = self.middle(fine)
        features = self.joined(middle + functional.interpolate(self.deep(middle), scale_factor=2.0))
        coarse = self.coarse(features)
        which = functional.interpolate(coarse[:, 1:], scale_factor=4.0, mode="bilinear")
        ink = self.ink(fine + functional.interpolate(self.hint(features), scale_factor=2.0))
        return coarse, torch.cat([-ink, which.log_softmax(1) + ink], 1)
