"""Train the detector on composed scenes: ``python train.py FOLDER``, in half a minute."""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from model import CLASSES, STRIDE_PX, DigitDetector
from safetensors.torch import save_file

sys.path.append(str(Path(__file__).parents[1] / "scenes"))
from fitting import begin, fit, pictures_of
from scenes import Scene

LEARNING_RATE = 5e-3
NEAR = 2  # points less than so many steps from the middle know the box
BOX_WEIGHT = 0.125  # of a pixel, against the middles


def main() -> None:
    """Train, and save the weights in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    save_file(train(given.steps).state_dict(), given.folder / "weights.safetensors")


def train(steps: int) -> DigitDetector:
    """Return a detector after so many steps; the same one each time."""
    scenes = begin()
    pictures = pictures_of(scenes)
    wanted = [torch.stack(each) for each in zip(*map(maps_of, scenes), strict=True)]
    detector = DigitDetector()

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        maps = detector.maps(pictures[chosen] / 255)
        return loss_of(*maps, *(each[chosen] for each in wanted))

    fit(detector.parameters(), loss, steps, LEARNING_RATE)
    return detector.eval()


def maps_of(scene: Scene) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the maps that the detector should make of *scene*.

    Returns:
        How near the middle of a digit of each class is, from 0 to 1 (there), ``(10, h, w)``; the
        distances ``(4, h, w)`` in pixels; and where these matter, ``(1, h, w)``.
    """
    rows, columns = np.mgrid[
        : scene.picture.shape[0] // STRIDE_PX, : scene.picture.shape[1] // STRIDE_PX
    ]
    nearness = np.zeros((CLASSES, *rows.shape), np.float32)
    distances = np.zeros((4, *rows.shape), np.float32)
    matters = np.zeros((1, *rows.shape), np.float32)
    points = np.stack([columns, rows, columns, rows]) * STRIDE_PX + STRIDE_PX / 2
    for digit in scene.digits:
        left, top, right, bottom = digit.box
        across = columns - (left + right) // (2 * STRIDE_PX)
        down = rows - (top + bottom) // (2 * STRIDE_PX)
        nearness[digit.number] = np.maximum(
            nearness[digit.number], np.exp(-(across**2 + down**2) / 2)
        )
        near = (abs(across) < NEAR) & (abs(down) < NEAR)
        distances[:, near] = abs(points - np.reshape(digit.box, (4, 1, 1)))[:, near]
        matters[:, near] = 1
    return torch.from_numpy(nearness), torch.from_numpy(distances), torch.from_numpy(matters)


def loss_of(
    logits: torch.Tensor,
    distances: torch.Tensor,
    nearness: torch.Tensor,
    wanted: torch.Tensor,
    matters: torch.Tensor,
) -> torch.Tensor:
    """Return the focal loss of the middles and the mean error of the boxes, together."""
    score = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    is_middle = nearness == 1
    missed = (1 - score) ** 2 * score.log()
    invented = (1 - nearness) ** 4 * score**2 * (1 - score).log()
    of_middles = -torch.where(is_middle, missed, invented).sum() / is_middle.sum()
    of_boxes = ((distances - wanted).abs() * matters).sum() / (4 * matters.sum())
    return of_middles + BOX_WEIGHT * of_boxes


if __name__ == "__main__":
    main()
