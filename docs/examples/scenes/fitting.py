"""What the trainings on composed scenes share."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from scenes import Scene, training_composer
from torch import nn

SCENES, SCENE_PX, DIGITS = 1000, 112, 5
BATCH = 4  # many small steps learn more in the same time than a few large ones

Loss = Callable[[torch.Tensor], torch.Tensor]
"""The loss on the scenes of these numbers."""


def begin() -> list[Scene]:
    """Return the scenes to train on, and make what comes after the same each time."""
    torch.set_num_threads(1)  # of so small a network, more would only wait for each other
    torch.manual_seed(0)
    composer = training_composer()
    return [composer.compose(SCENE_PX, SCENE_PX, DIGITS) for _ in range(SCENES)]


def fit(weights: Iterable[nn.Parameter], loss_of: Loss, steps: int, learning_rate: float) -> None:
    """Change *weights* so that the loss becomes small, in so many steps."""
    optimiser = torch.optim.AdamW(weights, learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    for _ in range(steps):
        loss = loss_of(torch.randint(SCENES, (BATCH,)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch has no types here
        optimiser.step()
        schedule.step()


def pictures_of(scenes: Sequence[Scene]) -> torch.Tensor:
    """Return the pictures, ``(N, 3, H, W)`` uint8."""
    return torch.from_numpy(np.stack([scene.picture for scene in scenes])).permute(0, 3, 1, 2)


def class_maps_of(scenes: Sequence[Scene]) -> torch.Tensor:
    """Return the class of each pixel, ``(N, H, W)`` int64."""
    return torch.from_numpy(np.stack([scene.class_map for scene in scenes]))


def coarsely(class_maps: torch.Tensor, cell_px: int) -> torch.Tensor:
    """Return the class of each cell of maps ``(N, H, W)``: a digit, if there is any of its ink."""
    count, height, width = class_maps.shape
    cells = class_maps.view(count, height // cell_px, cell_px, width // cell_px, cell_px)
    return cells.amax((2, 4))
