"""One of two archives, as the program sees it: a process that answers when it is told to."""

import pickle
import subprocess
import sys
from contextlib import suppress
from typing import IO, Self, cast

from ts_sdk.comparison.report import Measured
from ts_sdk.comparison.trial.messages import Answered, Failed, Peaks, Ready, Task

_CLOSING_S = 5.0


class Contestant:
    """An archive in a process of its own; it is a context manager, whose end ends the process."""

    def __init__(self) -> None:
        program = (
            f"import sys; sys.path[:] = {[each for each in sys.path if isinstance(each, str)]!r}; "
            "from ts_sdk.comparison.trial.process import main; main()"
        )
        # -P: no module of the working directory is taken for one of Python's own.
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and this library
            [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._ready: Ready | None = None
        self._problem: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self._told.close()
        try:
            self._process.wait(_CLOSING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._replies.close()

    def wait_until_started(self) -> None:
        """Wait until the process can be given its task."""
        self._hear()

    def load(self, task: Task) -> None:
        """Have the archive loaded, and wait until it is or cannot be."""
        if self._problem is not None:
            return
        self._tell(task)
        said = self._hear()
        if isinstance(said, Failed):
            self._problem = said.message
        elif isinstance(said, Ready):
            self._ready = said

    @property
    def is_alive(self) -> bool:
        """Whether the archive was loaded, and its process has not ended."""
        return self._ready is not None and self._problem is None

    def answer(self, position: int) -> Answered:
        """What becomes of the sample at *position*, that the process ended among it."""
        if self.is_alive:
            self._tell(position)
            said = self._hear()
            if isinstance(said, Answered):
                return said
        return Answered(0.0, error=self._problem)

    def measured(self) -> Measured:
        """What is known of the archive in the end; it answers no more."""
        if self._ready is None:
            return Measured(problem=self._problem)
        said = None
        if self.is_alive:
            self._tell(None)
            said = self._hear()
        peaks = said if isinstance(said, Peaks) else Peaks(None, None)
        return Measured(
            self._ready.device,
            self._ready.precision,
            self._ready.load_ms,
            weights_bytes=self._ready.weights_bytes,
            peak_bytes=peaks.process_bytes,
            peak_cuda_bytes=peaks.cuda_bytes,
            problem=self._problem,
        )

    @property
    def _told(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdin)

    @property
    def _replies(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def _tell(self, message: object) -> None:
        with suppress(BrokenPipeError):  # what became of it is told where its reply is awaited
            pickle.dump(message, self._told)
            self._told.flush()

    def _hear(self) -> object:
        """What the process says next; None when it has ended, which then is the problem."""
        try:
            return pickle.load(self._replies)  # noqa: S301 - from a process that this one started
        except (EOFError, pickle.UnpicklingError):
            code = self._process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            self._problem = f"its process {how}"
            return None
