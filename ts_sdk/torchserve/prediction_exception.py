"""`PredictionException`: how TorchServe's handlers give a whole batch an error of their own."""

from ts_sdk.errors import RequestError


class PredictionException(RequestError):  # noqa: N818 - TorchServe's name
    """The batch failed, for a reason that its senders are told.

    Args:
        message: Why.
        error_code: HTTP status.
    """

    def __init__(self, message: str, error_code: int = 500) -> None:
        super().__init__(message, status=error_code)

    @property
    def error_code(self) -> int:
        """`status`; TorchServe's name for it."""
        return self.status

    @error_code.setter
    def error_code(self, status: int) -> None:
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} : {self.status}"
