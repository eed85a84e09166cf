"""Times of phases that torch's profiler sees, too."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from ts_sdk.timing import PhaseTimes


class AnnotatedTimes(PhaseTimes):
    """As `PhaseTimes`; on demand, each phase is also a range of that name in torch's trace."""

    def __init__(self) -> None:
        super().__init__()
        self._annotates = False

    def measure(self, phase: str) -> AbstractContextManager[None]:
        """Count the time that the ``with`` block takes, also when it raises."""
        measured = super().measure(phase)
        return _Annotated(measured, phase) if self._annotates else measured

    @contextmanager
    def annotated(self) -> Iterator[None]:
        """Let phases be ranges while the block runs; a range costs more than a small batch."""
        self._annotates = True
        try:
            yield
        finally:
            self._annotates = False


class _Annotated(AbstractContextManager[None]):
    def __init__(self, measured: AbstractContextManager[None], phase: str) -> None:
        self._measured = measured
        self._phase = phase
        self._open = ExitStack()

    def __enter__(self) -> None:
        from torch.profiler import record_function

        self._open.enter_context(record_function(self._phase))
        self._open.enter_context(self._measured)

    def __exit__(self, *_: object) -> None:
        self._open.close()
