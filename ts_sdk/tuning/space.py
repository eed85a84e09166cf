"""What is tuned: the settings that a candidate is made of, and which of them go together."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Any

_DELAYS_MS = (0, 1, 2, 5, 10, 20, 50, 100)
"""Steps that the batch delay is refined in, in milliseconds."""


class Form(StrEnum):
    """What is done to the model, by the word of ``mar tune --forms``; the soonest made first."""

    EAGER = "eager"
    CHANNELS_LAST = "channels-last"
    TORCHSCRIPT = "torchscript"
    ONNX = "onnx"
    OPENVINO = "openvino"
    COMPILE = "compile"
    AOTI = "aoti"

    @property
    def is_converted(self) -> bool:
        """Whether `ts_sdk.convert` makes it; the others are lines in `model-config.yaml`."""
        return self in (Form.TORCHSCRIPT, Form.ONNX, Form.OPENVINO, Form.AOTI)

    @property
    def is_costly(self) -> bool:
        """Whether a compiler makes it, which takes a minute rather than a second."""
        return self in (Form.COMPILE, Form.AOTI)


@dataclass(frozen=True)
class Variant:
    """What the answers depend on.

    Attributes:
        device: ``cpu``, ``cuda:0``, ...
        precision: A word of `ts_sdk.Precision`.
        form: What is done to the model.
        fast_decode: Whether JPEGs are decoded at the scale that is needed.
    """

    device: str = "cpu"
    precision: str = "float32"
    form: Form = Form.EAGER
    fast_decode: bool = False

    @property
    def name(self) -> str:
        """The variant in words, such as ``cpu float32 onnx``."""
        words = [self.device, self.precision, str(self.form)]
        return " ".join([*words, "fast-decode"] if self.fast_decode else words)


@dataclass(frozen=True)
class Candidate(Variant):
    """One setting that can be measured.

    Attributes:
        threads: Of torch, for each worker; None leaves them to the pool.
        workers: How many batches run at once.
        batch_size: Most requests in a batch.
        max_batch_delay_ms: How long a request waits for others, in milliseconds.
        concurrency: How many requests there are at a time.
    """

    threads: int | None = None
    workers: int = 1
    batch_size: int = 1
    max_batch_delay_ms: int = 0
    concurrency: int = 1

    @property
    def variant(self) -> Variant:
        """What the answers depend on."""
        return Variant(self.device, self.precision, self.form, self.fast_decode)

    @property
    def serving(self) -> "Candidate":
        """The candidate without its load: what one pool can be measured with."""
        return replace(self, concurrency=1)

    @property
    def name(self) -> str:
        """The candidate in words."""
        several = "" if self.threads == 1 else "s"
        threads = "" if self.threads is None else f" x {self.threads} thread{several}"
        plural = "" if self.workers == 1 else "s"
        delay = f" within {self.max_batch_delay_ms} ms" if self.max_batch_delay_ms else ""
        return (
            f"{self.variant.name}, {self.workers} worker{plural}{threads}, "
            f"batch {self.batch_size}{delay}, {self.concurrency} at a time"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {**asdict(self), "form": str(self.form)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Candidate":
        """The candidate that `to_dict` has written."""
        return cls(**{**values, "form": Form(values["form"])})


@dataclass(frozen=True)
class Space:
    """The values of each axis.

    Attributes:
        devices: As `Variant.device`; so are the next two.
        precisions: Words of `ts_sdk.Precision`.
        forms: What is done to the model.
        threads: Of torch for each worker; None leaves them to the pool.
        workers: How many batches run at once.
        batch_sizes: Most requests in a batch.
        delays_ms: How long a request waits for others, in milliseconds; one that is alone in its
            batch never waits.
        concurrencies: How many requests there are at a time; None takes what fills the workers
            once, and twice.
        batch_limit: Up to which batch the search goes beside the best of the grid; None stays
            between the values of the axis, as it does on all other axes.
        fast_decode: Whether decoding JPEGs at the scale that is needed is tried, beside the best of
            the grid.
        cores: How many processors there are, which workers and their threads share.
    """

    devices: Sequence[str] = ("cpu",)
    precisions: Sequence[str] = ("float32",)
    forms: Sequence[Form] = (Form.EAGER,)
    threads: Sequence[int | None] = (None,)
    workers: Sequence[int] = (1,)
    batch_sizes: Sequence[int] = (1,)
    delays_ms: Sequence[int] = (0,)
    concurrencies: Sequence[int] | None = None
    batch_limit: int | None = None
    fast_decode: bool = False
    cores: int = 1

    def variants(self) -> list[Variant]:
        """Each variant of the grid once; the plainest first."""
        forms = [form for form in Form if form in self.forms]
        return [
            Variant(device, precision, form)
            for form, precision, device in product(forms, self.precisions, self.devices)
        ]

    def grid(self) -> list[Candidate]:
        """All candidates that make sense, each once, those of a pool side by side."""
        found: dict[Candidate, None] = {}
        for variant in self.variants():
            for each in self._settings(variant):
                found.setdefault(each)
        return list(found)

    def neighbours(self, candidate: Candidate) -> list[Candidate]:
        """Candidates one step away from *candidate*, on the grid or between its points.

        An axis that was given a single value stays as it is. More workers or a larger batch come
        with as many more requests, so that they are as full as before.
        """
        load = candidate.concurrency
        found: list[Candidate] = []
        for batch_size in _beside(candidate.batch_size, (*self.batch_sizes, self.batch_limit or 1)):
            filled = self._load_for(candidate, batch_size / candidate.batch_size)
            found.append(replace(candidate, batch_size=batch_size, concurrency=filled))
        for workers in _beside(candidate.workers, self.workers):
            filled = self._load_for(candidate, workers / candidate.workers)
            found.append(replace(candidate, workers=workers, concurrency=filled))
        loads = self.concurrencies or (1, 2 * load)
        found += [replace(candidate, concurrency=each) for each in _beside(load, loads)]
        if len(self.delays_ms) > 1:
            found += _delays_beside(candidate)
        if self.fast_decode:
            found.append(replace(candidate, fast_decode=not candidate.fast_decode))
        if len(self.threads) > 1:
            found += [replace(candidate, threads=each) for each in self.threads]
        sensible = dict.fromkeys(each for one in found for each in self._sensible(one))
        return [each for each in sensible if each != candidate]

    def _load_for(self, candidate: Candidate, times: float) -> int:
        """The load of *candidate*, or *times* as much where it follows the workers and batches."""
        load = candidate.concurrency
        return load if self.concurrencies else max(1, round(load * times))

    def _settings(self, variant: Variant) -> Iterator[Candidate]:
        axes = (self.threads, self.workers, self.batch_sizes, self.delays_ms)
        for threads, workers, batch_size, delay_ms in product(*axes):
            at_once = workers * batch_size
            for concurrency in self.concurrencies or (at_once, 2 * at_once):
                yield from self._sensible(
                    Candidate(
                        variant.device,
                        variant.precision,
                        variant.form,
                        variant.fast_decode,
                        threads,
                        workers,
                        batch_size,
                        delay_ms,
                        concurrency,
                    )
                )

    def _sensible(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate, or the simpler one that it amounts to; nothing where it cannot be good."""
        if candidate.batch_size == 1 or candidate.concurrency == 1:
            candidate = replace(candidate, max_batch_delay_ms=0)
        on_cpu = candidate.device == "cpu" and candidate.threads is not None
        if on_cpu and candidate.workers * (candidate.threads or 1) > self.cores:
            return
        yield candidate


def _beside(value: int, values: Sequence[int]) -> list[int]:
    """Half and double, and what lies between, as far as *values* reach; without *value* itself."""
    near = {value // 2, 3 * value // 4, 3 * value // 2, 2 * value}
    return sorted(each for each in near - {value} if min(values) <= each <= max(values))


def _delays_beside(candidate: Candidate) -> list[Candidate]:
    delay_ms = candidate.max_batch_delay_ms
    below = [each for each in _DELAYS_MS if each < delay_ms][-1:]
    above = [each for each in _DELAYS_MS if each > delay_ms][:1]
    return [replace(candidate, max_batch_delay_ms=each) for each in (*below, *above)]
