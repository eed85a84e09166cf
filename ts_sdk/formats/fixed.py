"""What the forms have in common that were compiled for one device and one number format."""

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, Self

import torch
from torch import nn

from ts_sdk.errors import ModelFormatError, PrecisionError

_TRAINABLE = "a state dict, safetensors or TorchScript"
_CONVERTIBLE = "a state dict, safetensors, TorchScript or an exported program"


class FixedModel(nn.Module):
    """A model that is called like any module, and says so where it cannot be changed like one.

    Attributes:
        name: The file that it came from.
        device: Where it runs.
    """

    form: ClassVar[str]
    """What a message calls it, such as ``an ONNX model``."""
    elsewhere: ClassVar[str]
    """What to do for another device; ``{device}`` stands for it."""

    def __init__(self, name: str, device: torch.device) -> None:
        super().__init__()
        self.training = False
        self.name = name
        self.device = device

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Only ``train(False)``, which is what `eval` calls, leaves it as it is."""
        if mode:
            raise ModelFormatError(
                f"{self.name} is {self.form}, which cannot be trained; {_TRAINABLE} can"
            )
        return self

    def refuse_precision(self, precision: str) -> NoReturn:  # noqa: ARG002 - it refuses them all
        """Say why it computes in no other number format; `set_precision` asks.

        Args:
            precision: The one that is wanted.

        Raises:
            PrecisionError: Always.
        """
        raise PrecisionError(
            f"{self.name} is {self.form}, which computes in the number formats that it was made "
            "with and in no other: make it in the precision that you want (mar convert "
            f"--precision), or pack {_CONVERTIBLE}, which take any"
        )

    def refuse_gradients(self, *given: object) -> None:
        """Raise when gradients are wanted of it, which it cannot give.

        Args:
            *given: The inputs.

        Raises:
            ModelFormatError: Gradients are on, and one of the inputs asks for them.
        """
        if torch.is_grad_enabled() and any(
            isinstance(tensor, torch.Tensor) and tensor.requires_grad for tensor in given
        ):
            raise ModelFormatError(
                f"{self.name} is {self.form}, which gives no gradients; a state dict, safetensors, "
                "TorchScript or an exported program does, and methods that perturb the input need "
                "none"
            )

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], *_: Any) -> Self:  # noqa: ANN401 - torch's signature
        """See what `to`, `half`, `cuda` and the like ask for, by what they make of a tensor."""
        probe = torch.zeros((), device=self.device)
        asked = fn(probe)
        if asked.device != probe.device:
            advice = self.elsewhere.format(device=asked.device)
            raise ModelFormatError(
                f"{self.name} is {self.form}, which runs on {self.device} and cannot be moved to "
                f"{asked.device}: {advice}"
            )
        if asked.dtype != probe.dtype:
            self.refuse_precision(str(asked.dtype).removeprefix("torch."))
        return self
