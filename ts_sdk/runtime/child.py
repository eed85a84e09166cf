"""A handler's process, as the program sees it: start it, ask it, tell how it ended."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ts_sdk.runtime.channel import Channel, ChannelClosedError, Kind
from ts_sdk.runtime.endings import Died, ending, last_line, of_handler, place_in
from ts_sdk.runtime.explanations import read_explained
from ts_sdk.runtime.failures import put_together
from ts_sdk.runtime.line import Line, open_line
from ts_sdk.runtime.messages import Notes, Ready, Start, reply_in
from ts_sdk.runtime.output import Output
from ts_sdk.runtime.pickling import Packed, pack
from ts_sdk.runtime.worker import WHERE_SIGNAL

if TYPE_CHECKING:
    from ts_sdk.errors import SdkError
    from ts_sdk.explain.requests import Explained
    from ts_sdk.outcomes import Reply
    from ts_sdk.runtime.runner import Emit

Keep = Callable[[Notes], None]
"""Takes what a worker has measured."""

_T = TypeVar("_T")

_CLOSING_S = 5.0
_DYING_S = 2.0
_TELLING_S = 2.0


@dataclass(frozen=True)
class Launch:
    """How a worker is started.

    Attributes:
        python: The interpreter.
        path: `sys.path` of the program.
        keeps_own_path: Whether the interpreter's own `sys.path` comes first, as in an environment
            that was made for the archive.
        environment: Environment variables.
        start: What the worker is told.
    """

    python: str
    path: tuple[str, ...]
    keeps_own_path: bool
    environment: Mapping[str, str]
    start: Start

    def command(self, fds: Sequence[int]) -> list[str]:
        """The command line of a worker that is given *fds*."""
        own = "*sys.path, " if self.keeps_own_path else ""
        program = (
            f"import sys; sys.path[:] = dict.fromkeys([{own}*{list(self.path)!r}]); "
            f"from ts_sdk.runtime.worker import main; main({', '.join(map(str, fds))})"
        )
        # -P: no module of the working directory is taken for one of Python's own.
        return [self.python, "-P", "-c", program]


class Child:
    """One process that runs an archive's handler; calls from several threads are safe.

    Args:
        launch: How to start it; it is started at once, and not waited for.
        keep: Takes what was measured, before the replies that it is about.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, launch: Launch, keep: Keep) -> None:
        self._told = launch.start
        self._keep = keep
        self._owner = os.getpid()
        self._started = time.monotonic()
        self._starting = threading.Lock()
        self._ready: Ready | None = None
        self._ending = threading.Lock()
        self._overdue: str | None = None
        self._line, self._process, self._output = _spawn(launch)
        with suppress(ChannelClosedError), self._line.first() as channel:
            # Where it fails, `wait_until_ready` says why.
            channel.send(Kind.START, [pack(launch.start)])

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process is still there."""
        return not _has_exited(self._process)

    @property
    def ending(self) -> str:
        """How the process ended, after `kill`."""
        return ending(self._process.returncode)

    def wait_until_ready(self) -> Ready:
        """What the process says once its handler has started.

        Raises:
            Died: It ended, or took longer than it may.
            SdkError: What the handler's start raised.
        """
        with self._starting:
            if self._ready is None:
                self._ready = self._first_word()
            return self._ready

    def ask(self, batch: Sequence[Packed], emit: "Emit | None") -> "list[Reply]":
        """The replies to a batch.

        Args:
            batch: The packed requests.
            emit: Takes the pieces of streamed answers.

        Raises:
            Died: The process ended, or took longer than it may.
        """
        parts = [pack(emit is not None), *batch]
        return self._talk(Kind.BATCH, parts, lambda channel: self._replies(channel, emit))

    def explain(
        self, asked: Sequence[Packed], on_progress: Callable[[int], None]
    ) -> "list[Explained] | SdkError":
        """The explanations that were asked for, or why there are none.

        Args:
            asked: How, and the packed requests; see `ts_sdk.runtime.explanations`.
            on_progress: Is told how many more rows the model has answered.

        Raises:
            Died: The process ended, or the model took longer for a row than it may for a batch.
        """
        limit_s = self._told.response_timeout_s
        return self._talk(
            Kind.EXPLAIN,
            asked,
            lambda channel: read_explained(channel, limit_s, self._keep, on_progress),
        )

    def _talk(self, kind: Kind, parts: Sequence[Packed], read: Callable[[Channel], _T]) -> _T:
        """What is *read* of the answer to a message."""
        position = self._output.position
        try:
            with self._line.channel() as channel:
                channel.send(kind, parts)
                return read(channel)
        except ChannelClosedError as error:
            raise self._death(position, unread=error.unread) from error
        except TimeoutError as error:
            raise self._end_overdue(self._told.response_timeout_s, position) from error

    def close(self) -> None:
        """Let the process end by itself, or kill it where it does not; then nothing is left."""
        self._line.hang_up()
        if os.getpid() == self._owner:
            _wait_for_exit(self._process, _CLOSING_S)
            self.kill()

    def kill(self) -> None:
        """Kill the process with all that it has started; again, it does nothing."""
        if os.getpid() != self._owner:
            return
        with self._ending:
            if self._process.returncode is None:  # so its number is still its own
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._output.wait_for_end()
        self._line.hang_up()

    def let_go(self) -> None:
        """Close what a forked process has inherited; the handler's goes on for its owner."""
        self._line.close()
        self._output.let_go()

    def _first_word(self) -> Ready:
        limit_s = self._told.startup_timeout_s
        left_s = None if limit_s is None else self._started + limit_s - time.monotonic()
        try:
            with self._line.first() as channel:
                message = channel.receive(None if left_s is None else max(left_s, 0.001))
        except ChannelClosedError as error:
            raise self._death(0) from error
        except TimeoutError as error:
            raise self._end_overdue(limit_s, 0) from error
        if message.kind is Kind.FAILED:
            self.close()
            raise put_together(message.parts[0])
        ready: Ready = message.parts[0]
        self._keep(ready.notes)
        return ready

    def _replies(self, channel: Channel, emit: "Emit | None") -> "list[Reply]":
        while True:
            message = channel.receive(self._told.response_timeout_s)
            if message.kind is Kind.REPLIES:
                self._keep(message.parts[0])
                return [reply_in(part) for part in message.parts[1:]]
            (index, notes), piece = message.parts
            self._keep(notes)
            if emit is not None:
                emit(index, reply_in(piece))

    def _death(self, position: int, *, unread: bool = False) -> Died:
        """What became of the process, which has hung up."""
        has_exited = _wait_for_exit(self._process, _DYING_S)
        self.kill()
        if self._overdue is not None:
            return Died(f"{self._overdue} with another batch")
        code = self._process.returncode
        by_kill = has_exited and code == -signal.SIGKILL
        how = ending(code) if has_exited else "closed its connection"
        return self._told_of(how, position, by_kill=by_kill, unread=unread)

    def _end_overdue(self, limit_s: float | None, position: int) -> Died:
        """Kill the process, after it has said what it is doing."""
        self._overdue = f"took longer than {limit_s:g} s, and was killed"
        if WHERE_SIGNAL is not None:
            self._process.send_signal(WHERE_SIGNAL)
            self._output.wait_for_report(_TELLING_S)
        self.kill()
        return self._told_of(self._overdue, position)

    def _told_of(
        self, how: str, position: int, *, by_kill: bool = False, unread: bool = False
    ) -> Died:
        output, report = self._output.since(position), of_handler(self._output.report)
        where = place_in(report, self._told.folder) or last_line(output)
        return Died(how + where, output, report, by_kill=by_kill, unread=unread)


def _spawn(launch: Launch) -> "tuple[Line, subprocess.Popen[bytes], Output]":
    """The line to a new process, the process, and what it prints."""
    reading, writing = os.pipe()
    reading_reports, writing_reports = os.pipe()
    try:
        with open_line() as (line, fds):
            process = subprocess.Popen(  # noqa: S603 - this interpreter, or one made for the archive
                launch.command((*fds, writing_reports)),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                cwd=launch.start.folder,
                env=launch.environment,
                pass_fds=(*fds, writing_reports),
                start_new_session=True,
            )
    except BaseException:
        os.close(reading)
        os.close(reading_reports)
        raise
    finally:
        os.close(writing)
        os.close(writing_reports)
    return line, process, Output(reading, reading_reports)


def _has_exited(process: "subprocess.Popen[bytes]") -> bool:
    """Whether *process* has ended; its number stays its own until `kill` waits for it."""
    if process.returncode is not None:
        return True
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    try:
        return os.waitid(os.P_PID, process.pid, options) is not None
    except ChildProcessError:  # another thread has just waited for it
        return True


def _wait_for_exit(process: "subprocess.Popen[bytes]", longest_s: float) -> bool:
    """Whether *process* has ended in that time."""
    deadline, pause_s = time.monotonic() + longest_s, 0.0005
    while not (has_exited := _has_exited(process)) and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.02)
    return has_exited
