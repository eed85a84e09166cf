"""The network that reads a digit: three convolutions and two linear layers."""

import torch
from torch import nn


class DigitNet(nn.Module):
    """Classify pictures of one digit, white ink on black, ``(B, 1, 28, 28)``."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.conv_layers = nn.Sequential(*layers)
        self.fc_layers = nn.Sequential(nn.Linear(128 * 3 * 3, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the logits ``(B, 10)``, one for each digit."""
        logits: torch.Tensor = self.fc_layers(self.conv_layers(pictures).flatten(1))
        return logits
