"""Train the segmenter on composed scenes: ``python train.py FOLDER``, in a minute."""

import argparse
import sys
from pathlib import Path

import torch
from model import CLASSES, STRIDE_PX, DigitSegmenter
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

sys.path.append(str(Path(__file__).parents[1] / "scenes"))
from fitting import begin, class_maps_of, coarsely, fit, pictures_of

LEARNING_RATE = 5e-3
BACKGROUND_WEIGHT = 0.3  # most pixels are background


def main() -> None:
    """Train, and save the weights in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    save_file(train(given.steps).state_dict(), given.folder / "weights.safetensors")


def train(steps: int) -> DigitSegmenter:
    """Return a segmenter after so many steps; the same one each time."""
    scenes = begin()
    pictures, wanted = pictures_of(scenes), class_maps_of(scenes)
    wanted_coarsely = coarsely(wanted, STRIDE_PX)
    weights = torch.tensor([BACKGROUND_WEIGHT] + [1.0] * (CLASSES - 1))
    segmenter = DigitSegmenter()

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        coarse, scores = segmenter.maps(pictures[chosen] / 255)
        of_coarse = cross_entropy(coarse, wanted_coarsely[chosen], weights)
        return of_coarse + cross_entropy(scores, wanted[chosen], weights)

    fit(segmenter.parameters(), loss, steps, LEARNING_RATE)
    return segmenter.eval()


if __name__ == "__main__":
    main()
