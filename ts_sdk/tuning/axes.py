"""Which values the axes have where nobody names them: what this machine and the handler allow."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ts_sdk.precision import Precision
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.space import Form, Space

_BATCH_SIZES = (1, 4, 16)
_BATCH_LIMIT = 256
_DELAYS_MS = (2, 10)
_COMPILERS = ("g++", "clang++", "c++")
_MOST_WORKERS_OF_A_GPU = 2
_FOR_ONNX = ("onnxruntime", "onnx", "onnxscript")


@dataclass(frozen=True)
class Wishes:
    """The axes that the caller names; None takes what makes sense.

    Attributes:
        devices: ``cpu``, ``cuda``, ``cuda:1`` ...
        precisions: Words of `ts_sdk.Precision`.
        forms: Words of `Form`.
        fast_decode: Whether fast decoding is tried, where the handler can.
        threads: Of torch for each worker.
        workers: How many batches run at once.
        batch_sizes: Most requests in a batch.
        delays_ms: How long a request waits for others.
        concurrencies: How many requests there are at a time.
    """

    devices: Sequence[str] | None = None
    precisions: Sequence[str] | None = None
    forms: Sequence[str] | None = None
    fast_decode: bool = True
    threads: Sequence[int] | None = None
    workers: Sequence[int] | None = None
    batch_sizes: Sequence[int] | None = None
    delays_ms: Sequence[int] | None = None
    concurrencies: Sequence[int] | None = None


@dataclass(frozen=True)
class HandlerFacts:
    """What a handler can be told.

    Attributes:
        decodes_pictures: Whether it has the settings of the default handlers of pictures.
        stateful: Whether its requests belong to sequences, so that they run alone.
    """

    decodes_pictures: bool
    stateful: bool

    @classmethod
    def of(cls, handler: Any, *, stateful: bool) -> "HandlerFacts":  # noqa: ANN401 - the user's own class
        """Those of a handler's instance."""
        has_both = hasattr(handler, "preset") and hasattr(handler, "fast_decode")
        return cls(has_both, stateful)


def space_for(
    wishes: Wishes, facts: HandlerFacts, devices: Sequence[str], cores: int
) -> tuple[Space, list[tuple[str, str]]]:
    """The space to search, and what is not in it for which reason.

    Args:
        wishes: The axes that the caller names.
        facts: What the handler can be told.
        devices: The devices that there are, the plainest first.
        cores: How many processors there are.

    Raises:
        TuningError: A wish makes no sense.
        PrecisionError: There is no such precision.
    """
    forms, left_out = _forms(wishes, facts)
    if facts.stateful:
        left_out.append(
            ("batches and more than one worker", "the archive's requests are sequences")
        )
    return (
        Space(
            devices=devices,
            precisions=_precisions(wishes, devices),
            forms=forms,
            batch_limit=None if facts.stateful or wishes.batch_sizes else _BATCH_LIMIT,
            fast_decode=wishes.fast_decode and facts.decodes_pictures,
            threads=_threads(wishes, cores),
            workers=(1,) if facts.stateful else _workers(wishes, devices, cores),
            batch_sizes=(1,)
            if facts.stateful
            else _counts("batch size", wishes.batch_sizes, _BATCH_SIZES),
            delays_ms=_counts("batch delay", wishes.delays_ms, _DELAYS_MS, least=0),
            concurrencies=_load(wishes),
            cores=cores,
        ),
        left_out,
    )


def _precisions(wishes: Wishes, devices: Sequence[str]) -> tuple[str, ...]:
    if wishes.precisions is not None:
        if not wishes.precisions:
            raise TuningError("there is no precision to try")
        return tuple(str(Precision.parse(word)) for word in wishes.precisions)
    on_gpu = any(not device.startswith("cpu") for device in devices)
    return ("float32", "float16", "bfloat16") if on_gpu else ("float32", "bfloat16")


def _forms(wishes: Wishes, facts: HandlerFacts) -> tuple[tuple[Form, ...], list[tuple[str, str]]]:
    if wishes.forms is not None:
        return tuple(dict.fromkeys(map(_form, wishes.forms))), []
    missing = {form: reason for form in Form if (reason := _missing(form, facts))}
    left_out = [(str(form), reason) for form, reason in missing.items()]
    return tuple(form for form in Form if form not in missing), left_out


def _form(word: str) -> Form:
    try:
        return Form(word)
    except ValueError:
        raise TuningError(f"there is no form {word!r}: use {', '.join(Form)}") from None


def _missing(form: Form, facts: HandlerFacts) -> str | None:
    """What *form* needs and is not there."""
    needed = {Form.ONNX: _FOR_ONNX, Form.OPENVINO: ("openvino", *_FOR_ONNX)}.get(form, ())
    absent = [name for name in needed if find_spec(name) is None]
    if absent:
        return f"{', '.join(absent)} is not installed"
    if form in (Form.AOTI, Form.COMPILE) and not any(map(shutil.which, _COMPILERS)):
        return "there is no C++ compiler"
    if form is Form.CHANNELS_LAST and not facts.decodes_pictures:
        return "the handler has no setting layout"
    return None


def _threads(wishes: Wishes, cores: int) -> tuple[int | None, ...]:
    if wishes.threads is None:
        return (None,)
    threads = _counts("number of threads", wishes.threads, ())
    if min(threads) > cores:
        raise TuningError(f"{min(threads)} threads are more than the {cores} cores that there are")
    return threads


def _workers(wishes: Wishes, devices: Sequence[str], cores: int) -> tuple[int, ...]:
    on_cpu = any(device.startswith("cpu") for device in devices)
    most = cores if on_cpu else _MOST_WORKERS_OF_A_GPU
    doubling = tuple(1 << power for power in range(most.bit_length()))
    return _counts("number of workers", wishes.workers, doubling)


def _load(wishes: Wishes) -> tuple[int, ...] | None:
    if wishes.concurrencies is None:
        return None
    return _counts("concurrency", wishes.concurrencies, ())


def _counts(
    what: str, given: Sequence[int] | None, default: tuple[int, ...], *, least: int = 1
) -> tuple[int, ...]:
    values = default if given is None else tuple(dict.fromkeys(given))
    if not values or any(not isinstance(each, int) or each < least for each in values):
        raise TuningError(f"a {what} must be a whole number of {least} or more, not {list(values)}")
    return values
