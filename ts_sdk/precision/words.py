"""`Precision`: the word that says in which number format a model computes."""

from enum import StrEnum
from typing import TYPE_CHECKING

from ts_sdk.errors import PrecisionError

if TYPE_CHECKING:
    import torch

_AUTOCAST = "autocast-"


class Precision(StrEnum):
    """The number format in which a model computes.

    ``float16`` and ``bfloat16`` convert the weights; the ``autocast-`` words keep them in float32
    and let torch choose the format operation by operation.
    """

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    AUTOCAST_FLOAT16 = "autocast-float16"
    AUTOCAST_BFLOAT16 = "autocast-bfloat16"

    @classmethod
    def parse(cls, word: str) -> "Precision":
        """The precision that *word* names.

        Raises:
            PrecisionError: There is no such word; the message lists those there are.
        """
        try:
            return cls(word)
        except ValueError:
            words = ", ".join(cls)
            raise PrecisionError(f"unknown precision {word!r}: use one of {words}") from None

    @property
    def is_autocast(self) -> bool:
        """Whether the weights stay in float32."""
        return self.startswith(_AUTOCAST)

    @property
    def wider(self) -> "Precision":
        """The next one with a larger range of numbers: `FLOAT32` in the end."""
        return {
            Precision.FLOAT16: Precision.BFLOAT16,
            Precision.AUTOCAST_FLOAT16: Precision.AUTOCAST_BFLOAT16,
        }.get(self, Precision.FLOAT32)

    @property
    def with_float32_weights(self) -> "Precision":
        """What to try where an operation has no kernel for converted numbers."""
        return Precision.FLOAT32 if self.is_autocast else Precision(f"{_AUTOCAST}{self}")

    @property
    def dtype(self) -> "torch.dtype":
        """The reduced (or plain) dtype."""
        import torch

        found: torch.dtype = getattr(torch, self.removeprefix(_AUTOCAST))
        return found
