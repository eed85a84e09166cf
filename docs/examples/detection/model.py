"""A small detector of handwritten digits, called and answering as those of torchvision.

Zhou, Wang and Krähenbühl, "Objects as Points" (2019): for each class a map of where the middles of
objects are, and at each point the distances to the sides of the box.
"""

import torch
from torch import nn
from torch.nn import functional

CLASSES = 10
STRIDE_PX = 4  # of the maps
DEEPEST_PX = 8  # what the sides of a picture are multiples of, after padding
LEAST_SCORE = 0.05
RARE = -4.0  # the logit of a middle before training: there are few


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution of three by three pixels with what belongs to it."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class DigitDetector(nn.Module):
    """Finds digits in pictures ``(B, 3, H, W)`` from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            convolution(3, 16, 2), convolution(16, 32, 2), convolution(32, 32)
        )
        self.coarse = nn.Sequential(
            convolution(32, 64, 2), convolution(64, 64), convolution(64, 64), nn.Conv2d(64, 32, 1)
        )
        self.joined = convolution(32, 64)
        self.middles = nn.Conv2d(64, CLASSES, 1)
        self.distances = nn.Conv2d(64, 4, 1)
        nn.init.constant_(self.middles.bias, RARE)  # type: ignore[arg-type] # it has a bias

    def forward(self, pictures: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        """Return for each picture ``boxes`` ``(N, 4)`` in pixels, ``labels`` and ``scores``."""
        height, width = pictures.shape[2:]
        logits, distances = self.maps(
            functional.pad(pictures, (0, -width % DEEPEST_PX, 0, -height % DEEPEST_PX))
        )
        scores = logits.sigmoid()
        around = functional.max_pool2d(scores.amax(1, keepdim=True), 3, stride=1, padding=1)
        tops = scores * (scores == around)
        limits = pictures.new_tensor([width, height, width, height])
        return [found(*each, limits) for each in zip(tops, distances, strict=True)]

    def maps(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of middles and the distances to left, top, right and bottom.

        Args:
            pictures: ``(B, 3, H, W)`` with sides that are multiples of 8.

        Returns:
            ``(B, 10, H / 4, W / 4)``, and ``(B, 4, H / 4, W / 4)`` in pixels.
        """
        fine = self.fine(pictures * 2 - 1)
        coarse = functional.interpolate(self.coarse(fine), scale_factor=2.0)
        features = self.joined(fine + coarse)
        return self.middles(features), self.distances(features).exp()


def found(
    tops: torch.Tensor, distances: torch.Tensor, limits: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return what is found in one picture, the best first.

    Args:
        tops: The scores ``(10, h, w)`` where they are higher than those around, else 0.
        distances: ``(4, h, w)`` in pixels.
        limits: Width, height, width and height of the picture, in pixels.
    """
    labels, rows, columns = (tops > LEAST_SCORE).nonzero(as_tuple=True)
    scores, order = tops[labels, rows, columns].sort(descending=True)
    middles = (torch.stack([columns, rows, columns, rows], 1) + 0.5) * STRIDE_PX
    sides = distances[:, rows, columns].T * distances.new_tensor([-1, -1, 1, 1])
    boxes = (middles + sides).clamp(min=0).minimum(limits)
    return {"boxes": boxes[order], "labels": labels[order], "scores": scores}
