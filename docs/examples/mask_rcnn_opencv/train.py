"""Train the Mask R-CNN and save it as TorchScript: ``python train.py FOLDER``, in about a minute.

The backbone is trained first, to say which digit is where, as one would otherwise begin with one
that was trained on ImageNet.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from network import CHANNELS, CLASSES, FEATURE_PX, Backbone, MaskRCNN
from torch import nn
from torch.nn.functional import cross_entropy

sys.path.append(str(Path(__file__).parents[1] / "scenes"))
from fitting import begin, class_maps_of, coarsely, fit, pictures_of
from scenes import Scene

BACKBONE_LEARNING_RATE = 5e-3
LEARNING_RATE = 4e-3
BACKGROUND_WEIGHT = 0.2  # most of a scene is background


def main() -> None:
    """Train, and save the model in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone-steps", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    model = train(given.backbone_steps, given.steps)
    given.folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and what such archives hold
        scripted = torch.jit.script(model)
    scripted.save(given.folder / "mask_rcnn.pt")  # type: ignore[no-untyped-call] # torch has no types here


def train(backbone_steps: int, steps: int) -> MaskRCNN:
    """Return a model after so many steps of each; the same one each time."""
    scenes = begin()
    pictures = pictures_of(scenes).flip(1).float()  # blue, green and red
    model = MaskRCNN()
    train_backbone(
        model.backbone, pictures, coarsely(class_maps_of(scenes), FEATURE_PX), backbone_steps
    )
    targets = [target_of(scene) for scene in scenes]

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        losses = model.losses(pictures[chosen], [targets[each] for each in chosen.tolist()])
        return torch.stack(list(losses.values())).sum()

    fit(model.parameters(), loss, steps, LEARNING_RATE)
    return model.eval()


def train_backbone(
    backbone: Backbone, pictures: torch.Tensor, cells: torch.Tensor, steps: int
) -> None:
    """Train *backbone* so that each of its features tells what is there.

    Args:
        backbone: It.
        pictures: ``(N, 3, H, W)``.
        cells: The class of what each feature is about, ``(N, H / 4, W / 4)``.
        steps: How many.
    """
    weights = torch.tensor([BACKGROUND_WEIGHT] + [1.0] * CLASSES)
    classifier = nn.Sequential(backbone, nn.Conv2d(CHANNELS, CLASSES + 1, 1))

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        return cross_entropy(classifier(pictures[chosen]), cells[chosen], weights)

    fit(classifier.parameters(), loss, steps, BACKBONE_LEARNING_RATE)


def target_of(scene: Scene) -> dict[str, torch.Tensor]:
    """Return what torchvision's losses compare with; class 0 is nothing."""
    masks = np.stack([digit.mask for digit in scene.digits])
    return {
        "boxes": torch.tensor([digit.box for digit in scene.digits], dtype=torch.float32),
        "labels": torch.tensor([digit.number + 1 for digit in scene.digits]),
        "masks": torch.from_numpy(masks).to(torch.uint8),
    }


if __name__ == "__main__":
    main()
