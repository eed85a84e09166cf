"""What goes wrong with tuning."""

from ts_sdk.errors import SdkError


class TuningError(SdkError):
    """An archive cannot be tuned in this way; the message says what to do."""


class UnansweredInputError(TuningError):
    """An input is not answered by the model in float32, to which the others are compared.

    Args:
        index: Which one, counted from 0.
        reason: Why not.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(
            f"input {index} is not answered in float32: {reason}; tune with inputs that are"
        )
        self.index = index
