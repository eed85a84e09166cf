"""A handler's own process: what it runs from its start to its end.

`main` is called by the command line that `ts_sdk.runtime.child` makes. The process lives as long as
the sockets that it was given: when the program closes them, or ends in any way, so does it.
"""

import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ts_sdk.errors import RequestError, SdkError
from ts_sdk.outcomes import Reply
from ts_sdk.runtime.channel import Channel, ChannelClosedError, Kind, Message, Unreadable
from ts_sdk.runtime.explanations import explain_here
from ts_sdk.runtime.failures import take_apart
from ts_sdk.runtime.messages import Notes, Ready, Start, pack_reply, request_in
from ts_sdk.runtime.pickling import Foreign, pack, travels
from ts_sdk.runtime.watch import Watch
from ts_sdk.timing import PhaseTimes

if TYPE_CHECKING:
    from archiver import Archive
    from ts_sdk.metrics import Sample
    from ts_sdk.model import Model
    from ts_sdk.runtime.in_process import InProcessRunner
    from ts_sdk.runtime.runner import Asked

WHERE_SIGNAL = getattr(signal, "SIGUSR2", None)
"""Makes a worker write what each of its threads is doing, also while it is stuck in C code."""


def main(connection: int, outgoing: int, incoming: int, lifeline: int, reports: int) -> None:
    """Serve the program until it hangs up.

    Args:
        connection: Descriptor of the channel's socket; the next two are its arenas.
        outgoing: What is sent.
        incoming: What is received.
        lifeline: Descriptor of a socket that is closed when the program ends; more channels come
            over it.
        reports: Descriptor where `faulthandler` writes.
    """
    _prepare_streams(reports)
    channel = Channel.from_fds(connection, outgoing, incoming)
    rope = socket.socket(fileno=lifeline)
    # What the handler forks must not keep the program from seeing that this process is gone.
    os.register_at_fork(after_in_child=channel.close)
    os.register_at_fork(after_in_child=rope.close)
    with suppress(ChannelClosedError):  # before the handler had started
        _serve(channel, rope)


def _serve(channel: Channel, rope: socket.socket) -> None:
    start: Start | Unreadable = channel.receive().parts[0]
    if isinstance(start, Unreadable):  # this environment cannot import what the program has
        channel.send(Kind.FAILED, [pack(take_apart(start.error))])
        return
    watch = Watch(rope, start.startup_timeout_s)
    _enter_world(start)
    try:
        service = _Service.start(start)
    except BaseException as error:  # noqa: BLE001 - the program raises it
        channel.send(Kind.FAILED, [pack(take_apart(error, _foreign_to(start.folder)))])
        return
    watch.serve_more(service.serve, start.response_timeout_s)
    channel.send(Kind.READY, [pack(service.ready())])
    service.serve(channel)
    service.close()


def _prepare_streams(reports: int) -> None:
    """Let output keep its order, and let a crash say to *reports* where it happened."""
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    os.set_inheritable(reports, False)
    faulthandler.enable(reports)
    if WHERE_SIGNAL is not None:
        faulthandler.register(WHERE_SIGNAL, reports)


def _enter_world(start: Start) -> None:
    """Make the process what TorchServe's worker was, its folder the first that is imported from."""
    os.chdir(start.folder)
    sys.path.insert(0, str(start.folder))
    os.environ["PYTHONPATH"] = start.python_path
    logging.basicConfig(level=start.log_level)
    # The program logs the samples that it is sent.
    logging.getLogger("ts_sdk.metrics").setLevel(logging.WARNING)


class _Recorder(PhaseTimes):
    """Phase times that can be sent on."""

    def __init__(self) -> None:
        super().__init__()
        self._added: list[tuple[str, float]] = []

    def add(self, phase: str, elapsed_ms: float) -> None:
        """Count one run of *phase*."""
        super().add(phase, elapsed_ms)
        self._added.append((phase, elapsed_ms))

    def take(self) -> list[tuple[str, float]]:
        """What was added since the last call."""
        added, self._added = self._added, []
        return added


class _Samples:
    """A sink whose samples can be sent on."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def emit(self, sample: "Sample") -> None:
        """Keep *sample*."""
        self._samples.append(sample)

    def take(self) -> "list[Sample]":
        """What was kept since the last call."""
        samples, self._samples = self._samples, []
        return samples


class _Service:
    """The started handler, and how it is spoken to."""

    def __init__(
        self, model: "Model", runner: "InProcessRunner", times: _Recorder, foreign: Foreign
    ) -> None:
        self._model = model
        self._runner = runner
        self._times = times
        self._foreign = foreign
        self._samples = _Samples()
        for view in model.metrics.values():  # what was recorded while the handler started
            for sample in view.in_samples():
                self._samples.emit(sample)
        model.metrics.add_sink(self._samples)

    @classmethod
    def start(cls, start: Start) -> "_Service":
        """Load the archive's handler, in this process."""
        from ts_sdk.starting import start as start_here

        times = _Recorder()
        with ExitStack() as resources:
            model = start_here(cast("Archive", start.archive), start.options, times, resources)
        runner = cast("InProcessRunner", model._runner)  # noqa: SLF001 - replies are not a model's face
        return cls(model, runner, times, _foreign_to(start.folder))

    def ready(self) -> Ready:
        """What the program is told of it."""
        concurrent = self._runner.concurrent
        device = self._model._facts.device  # noqa: SLF001 - the public one imports torch
        properties = {
            name: value
            for name, value in self._model.context.system_properties.items()
            if travels(value, self._foreign)
        }
        precision = str(self._model.precision)
        return Ready(device, precision, properties, concurrent, self._notes())

    def serve(self, channel: Channel) -> None:
        """Answer what comes over *channel*, until it is closed."""
        try:
            while True:
                self._answer(channel, channel.receive())
        except ChannelClosedError:
            channel.close()

    def close(self) -> None:
        """Let the handler's resources go."""
        self._model.close()

    def _answer(self, channel: Channel, message: Message) -> None:
        if message.kind is Kind.EXPLAIN:
            self._explain(channel, message)
            return
        wants_pieces, *parts = message.parts
        pieces = _Pieces(lambda index, reply: self._send_piece(channel, index, reply))
        replies = self._replies(
            [request_in(part) for part in parts], pieces if wants_pieces else None
        )
        packed = [pack_reply(reply, self._foreign) for reply in replies]
        pieces.close()
        channel.send(Kind.REPLIES, [pack(self._notes()), *packed])

    def _explain(self, channel: Channel, message: Message) -> None:
        def tell(rows: int) -> None:
            channel.send(Kind.PROGRESS, [pack(rows)], out_of_turn=True)

        try:
            found = explain_here(
                self._runner, message.parts, self._model.precision, tell, self._foreign
            )
        except SdkError as error:
            channel.send(Kind.FAILED, [pack(take_apart(error, self._foreign))])
        else:
            channel.send(Kind.REPLIES, [pack(self._notes()), *found])

    def _replies(
        self,
        requests: "Sequence[Asked | RequestError]",
        emit: "Callable[[int, Reply], None] | None",
    ) -> list[Reply]:
        good = [index for index, one in enumerate(requests) if not isinstance(one, RequestError)]
        asked = [one for one in requests if not isinstance(one, RequestError)]
        renumbered = emit and (lambda index, reply: emit(good[index], reply))
        replies = dict(zip(good, self._runner.run(asked, renumbered), strict=True))
        for index, one in enumerate(requests):
            if isinstance(one, RequestError):
                replies[index] = Reply.of_error(one)
        return [replies[index] for index in range(len(requests))]

    def _send_piece(self, channel: Channel, index: int, reply: Reply) -> None:
        parts = [pack((index, self._notes())), pack_reply(reply, self._foreign)]
        channel.send(Kind.PIECE, parts, out_of_turn=True)

    def _notes(self) -> Notes:
        return Notes(self._samples.take(), self._times.take())


class _Pieces:
    """Sends the pieces of a batch's answers, none of them after its replies."""

    def __init__(self, send: Callable[[int, Reply], None]) -> None:
        self._send = send
        self._open = True
        self._lock = threading.Lock()  # a handler may send from threads of its own

    def __call__(self, index: int, reply: Reply) -> None:
        with self._lock:
            if self._open:
                self._send(index, reply)

    def close(self) -> None:
        """Send no more."""
        with self._lock:
            self._open = False


def _foreign_to(folder: Path) -> Foreign:
    """Tells of modules in *folder*, which only this process imports from there."""

    @cache
    def foreign(module: str) -> bool:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names:
            return False
        return top == "__main__" or (folder / top).is_dir() or (folder / f"{top}.py").is_file()

    return foreign
