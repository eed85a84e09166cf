"""What goes wrong with benchmarks."""

from ts_sdk.errors import SdkError


class BenchmarkError(SdkError):
    """A benchmark cannot be run as it was asked for; the message says what to do.

    Attributes:
        problems: One sentence for each problem.
    """

    def __init__(self, message: str, *, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems or (message,)
