"""MTCNN, three small networks that find faces, each among what the one before it lets pass.

Zhang, Zhang, Li and Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks" (2016). The layers carry the names of the weights in the PyPI package
``facenet-pytorch``. A model file holds exactly one ``nn.Module`` class, so the three networks are
``nn.ModuleDict`` made by functions.
"""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import interpolate
from torchvision.ops import clip_boxes_to_image, nms, roi_align

WINDOW_PX = 12  # the side of what the first network looks at, one step of
STRIDE_PX = 2
REFINED_PX, FINAL_PX = 24, 48  # the side of what the others are given
SHRINKING = 0.709  # from one size of the picture to the next: half of its area
SAME_FACE = 0.5  # the intersection over union of boxes of which one is dropped
SAME_WINDOW = 0.7
POINTS = 5  # eyes, nose and corners of the mouth


class FaceCascade(nn.Module):
    """Finds faces in a picture ``(3, H, W)`` that is scaled to -1…1."""

    least_face_px = 20
    least_scores = (0.6, 0.7, 0.7)

    def __init__(self) -> None:
        super().__init__()
        self.pnet = first_network()
        self.rnet = second_network()
        self.onet = third_network()

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return ``boxes`` ``(N, 4)``, ``scores`` ``(N,)`` and ``points`` ``(N, 5, 2)``, in pixels.

        The points are the left and the right eye, the nose, and the left and the right corner of
        the mouth, as seen by who looks at the picture.
        """
        boxes = self.proposed(picture)
        scores, moves, _ = asked(self.rnet, regions(picture, boxes, REFINED_PX))
        boxes, _, _ = best(boxes, scores, moves, self.least_scores[1], SAME_WINDOW)
        boxes = squared(boxes)
        scores, moves, points = asked(self.onet, regions(picture, boxes, FINAL_PX))
        points = placed(points, boxes)
        boxes, scores, kept = best(boxes, scores, moves, self.least_scores[2], SAME_FACE)
        height, width = picture.shape[1:]
        return {
            "boxes": clip_boxes_to_image(boxes, (height, width)),
            "scores": scores,
            "points": points[kept],
        }

    def proposed(self, picture: torch.Tensor) -> torch.Tensor:
        """Return the square boxes ``(N, 4)`` that the first network lets pass."""
        found = [picture.new_zeros(0, 4)]
        sure = [picture.new_zeros(0)]
        for scale in self.scales(min(picture.shape[1:])):
            smaller = interpolate(
                picture[None], scale_factor=scale, mode="bilinear", antialias=True
            )
            scores, moves = (each[0] for each in first_answers(self.pnet, smaller))
            rows, columns = (scores >= self.least_scores[0]).nonzero(as_tuple=True)
            corners = torch.stack([columns, rows, columns, rows], 1) * STRIDE_PX
            corners[:, 2:] += WINDOW_PX
            boxes, scores, _ = best(
                corners / scale, scores[rows, columns], moves[:, rows, columns].T, 0, SAME_FACE
            )
            found.append(boxes)
            sure.append(scores)
        boxes = torch.cat(found)
        return squared(boxes[nms(boxes, torch.cat(sure), SAME_WINDOW)])

    def scales(self, shorter_side: int) -> Iterator[float]:
        """Yield how much smaller the picture is made, until no face is as large."""
        scale = WINDOW_PX / self.least_face_px
        while shorter_side * scale >= WINDOW_PX:
            yield scale
            scale *= SHRINKING


def first_network() -> nn.ModuleDict:
    """Return the network that goes over the whole picture."""
    return nn.ModuleDict(
        {
            **convolution(1, 3, 10),
            "pool1": nn.MaxPool2d(2, 2, ceil_mode=True),
            **convolution(2, 10, 16),
            **convolution(3, 16, 32),
            "conv4_1": nn.Conv2d(32, 2, 1),
            "conv4_2": nn.Conv2d(32, 4, 1),
        }
    )


def second_network() -> nn.ModuleDict:
    """Return the network that looks at each proposed box."""
    return nn.ModuleDict(
        {
            **convolution(1, 3, 28),
            "pool1": nn.MaxPool2d(3, 2, ceil_mode=True),
            **convolution(2, 28, 48),
            "pool2": nn.MaxPool2d(3, 2, ceil_mode=True),
            **convolution(3, 48, 64, side=2),
            "dense4": nn.Linear(64 * 3 * 3, 128),
            "prelu4": nn.PReLU(128),
            "dense5_1": nn.Linear(128, 2),
            "dense5_2": nn.Linear(128, 4),
        }
    )


def third_network() -> nn.ModuleDict:
    """Return the network that looks closest."""
    return nn.ModuleDict(
        {
            **convolution(1, 3, 32),
            "pool1": nn.MaxPool2d(3, 2, ceil_mode=True),
            **convolution(2, 32, 64),
            "pool2": nn.MaxPool2d(3, 2, ceil_mode=True),
            **convolution(3, 64, 64),
            "pool3": nn.MaxPool2d(2, 2, ceil_mode=True),
            **convolution(4, 64, 128, side=2),
            "dense5": nn.Linear(128 * 3 * 3, 256),
            "prelu5": nn.PReLU(256),
            "dense6_1": nn.Linear(256, 2),
            "dense6_2": nn.Linear(256, 4),
            "dense6_3": nn.Linear(256, 2 * POINTS),
        }
    )


def convolution(number: int, inputs: int, outputs: int, side: int = 3) -> dict[str, nn.Module]:
    """Return a convolution and what follows it, by their names."""
    return {
        f"conv{number}": nn.Conv2d(inputs, outputs, side),
        f"prelu{number}": nn.PReLU(outputs),
    }


def first_answers(
    network: nn.ModuleDict, picture: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the score of each window ``(B, h, w)`` and how its sides move ``(B, 4, h, w)``."""
    layers = list(network.values())
    features = nn.Sequential(*layers[:-2])(picture)
    return layers[-2](features).softmax(1)[:, 1], layers[-1](features)


def asked(
    network: nn.ModuleDict, cut_out: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return scores ``(N,)``, how the sides move ``(N, 4)``, and the last answer, which differs."""
    *layers, dense, rectifier = (each for name, each in network.items() if "_" not in name)
    features = nn.Sequential(*layers)(cut_out)
    # The weights are for features in the order of MATLAB: columns, rows, channels.
    features = rectifier(dense(features.permute(0, 3, 2, 1).flatten(1)))
    scores, *others = (each(features) for name, each in network.items() if "_" in name)
    return scores.softmax(1)[:, 1], others[0], others[-1]


def regions(picture: torch.Tensor, boxes: torch.Tensor, side: int) -> torch.Tensor:
    """Return what is in each box, ``(N, 3, side, side)``."""
    cut_out: torch.Tensor = roi_align(picture[None], [boxes], side, aligned=True)
    return cut_out


def best(
    boxes: torch.Tensor, scores: torch.Tensor, moves: torch.Tensor, least: float, same: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the boxes that score enough, moved, without those that are the same as a better one.

    Args:
        boxes: ``(N, 4)``.
        scores: ``(N,)``.
        moves: Of each side, in widths and heights of the box, ``(N, 4)``.
        least: The least score.
        same: The intersection over union above which two boxes are the same.

    Returns:
        Boxes and scores, the best first, and which they are of those that were given.
    """
    enough = (scores >= least).nonzero()[:, 0]
    moved = boxes[enough] + moves[enough] * sides(boxes[enough]).repeat(1, 2)
    kept = nms(moved, scores[enough], same)
    return moved[kept], scores[enough][kept], enough[kept]


def placed(points: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Return points ``(N, 5, 2)`` in pixels, of ``(N, 10)`` in widths and heights of the boxes."""
    within = points.view(-1, 2, POINTS).transpose(1, 2)
    return boxes[:, None, :2] + within * sides(boxes)[:, None]


def squared(boxes: torch.Tensor) -> torch.Tensor:
    """Return squares around the middles of the boxes, as long as their longer sides."""
    half = sides(boxes).amax(1, keepdim=True) / 2
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat([middles - half, middles + half], 1)


def sides(boxes: torch.Tensor) -> torch.Tensor:
    """Return width and height of boxes, ``(N, 2)``."""
    return boxes[:, 2:] - boxes[:, :2]
