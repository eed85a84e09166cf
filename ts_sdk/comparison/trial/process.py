"""The process in which one of two archives answers the samples, as it sees itself.

It says `Started`, takes a `Task`, then the position of a sample again and again, and at last None.
It writes to the pipe that was its standard output; what the handler prints goes to standard error.
"""

import importlib
import os
import pickle
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from archiver import ArchiveError
from ts_sdk.comparison.trial.messages import Answered, Failed, Peaks, Ready, Started, Task
from ts_sdk.errors import RequestError, SdkError
from ts_sdk.loader import load

if TYPE_CHECKING:
    from ts_sdk.model import Model
    from ts_sdk.rows import Request

_STATUS = Path("/proc/self/status")
_PEAK = "VmHWM:"
_SERVER_ERROR = 500


def main() -> None:
    """Serve the program that started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program is interrupted, and ends this
    told, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    importlib.import_module("torch")  # no time of the archive's
    _send(replies, Started())
    task: Task = pickle.load(told)  # noqa: S301 - from the program that started this process
    try:
        started = time.perf_counter()
        model = load(
            task.path,
            device=task.device,
            precision=task.precision,
            trust_pickle=task.trust_pickle,
            limits=task.limits,
        )
    except (ArchiveError, SdkError) as error:
        _send(replies, Failed("\n".join([str(error), *getattr(error, "__notes__", ())])))
        return
    with model:
        load_ms = (time.perf_counter() - started) * 1e3
        ready = Ready(str(model.device), str(model.precision), load_ms, _weights_bytes(model))
        _send(replies, ready)
        _serve(model, task, told, replies)


def _serve(model: "Model", task: Task, told: IO[bytes], replies: IO[bytes]) -> None:
    while (position := pickle.load(told)) is not None:  # noqa: S301 - as above
        _send(replies, _answer(model, task.requests[position]))
    _send(replies, Peaks(_peak_bytes(), _peak_cuda_bytes(model)))


def _answer(model: "Model", request: "Request") -> Answered:
    started = time.perf_counter()
    (outcome,) = model.predict_batch([request])
    elapsed_ms = (time.perf_counter() - started) * 1e3
    if isinstance(outcome, RequestError):
        said = f"{outcome.message} (status {outcome.status})"
        return Answered(elapsed_ms, error=said, refused=outcome.status < _SERVER_ERROR)
    try:
        return Answered(elapsed_ms, _plain(outcome))
    except TypeError as error:
        return Answered(elapsed_ms, error=str(error))


def _plain(answer: Any) -> Any:  # noqa: ANN401 - a handler answers anything
    """*answer* in JSON's types and bytes.

    Raises:
        TypeError: It holds something that could not be sent to anybody.
    """
    if isinstance(answer, Mapping):
        return {str(key): _plain(each) for key, each in answer.items()}
    if isinstance(answer, list | tuple):
        return [_plain(each) for each in answer]
    if answer is None or isinstance(answer, str | int | float | bool | bytes):
        return answer
    if isinstance(answer, bytearray | memoryview):
        return bytes(answer)
    if hasattr(answer, "tolist"):  # of torch and NumPy
        return answer.tolist()
    raise TypeError(f"the answer holds an object of type {type(answer).__name__}")


def _send(replies: IO[bytes], message: object) -> None:
    pickle.dump(message, replies)
    replies.flush()


def _weights_bytes(model: "Model") -> int | None:
    from torch import nn

    from ts_sdk.precision_report.observing import weights_bytes

    module = getattr(model.handler, "model", None)
    return weights_bytes(module) if isinstance(module, nn.Module) else None


def _peak_bytes() -> int | None:
    """The most memory that this process had at once.

    On Linux not from `resource`, whose number includes what the program had that started this.
    """
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(_PEAK))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _peak_cuda_bytes(model: "Model") -> int | None:
    import torch

    on_cuda = model.device.type == "cuda"
    return int(torch.cuda.max_memory_allocated(model.device)) if on_cuda else None
