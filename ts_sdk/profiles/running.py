"""Profiles an archive: served for its phases, then alone for its stacks and its operators."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from ts_sdk.benchmarking import Load, Result, bench
from ts_sdk.errors import RequestError
from ts_sdk.hardware import Hardware
from ts_sdk.loader import start_archive
from ts_sdk.profiles.annotated_times import AnnotatedTimes
from ts_sdk.profiles.errors import ProfilingError
from ts_sdk.profiles.memory import Memory, forget_gpu_peak, gpu_mb, process_mb, weights_mb
from ts_sdk.profiles.operators import OperatorProfile, profile_operators
from ts_sdk.profiles.report import Profile
from ts_sdk.profiles.sampling import StackSampler, running_threads
from ts_sdk.profiles.stacks import Naming, Stacks
from ts_sdk.starting import Given, LoadOptions
from ts_sdk.tuning.inputs import Inputs

if TYPE_CHECKING:
    from ts_sdk.model import Model
    from ts_sdk.runtime.pool.settings import ServingSettings

_TRACED_BATCHES = 3
_WARM_UP_BATCHES = 2
_MOST_REQUESTS = 1_000_000


def profiled(
    archive: Path,
    inputs: Sequence[object],
    *,
    seconds: float,
    concurrency: int | None,
    options: LoadOptions,
    serving: "ServingSettings",
) -> Profile:
    """Profile; see `ts_sdk.profiles.profile`."""
    requests = Inputs(inputs)
    before = running_threads()
    times = AnnotatedTimes()
    with _loaded(archive, options, times, tuned=serving.get("tuned", True)) as model:
        size = serving.get("batch_size") or model.batch_size
        batches = _batches_of(requests, size)
        forget_gpu_peak()
        for _ in range(_WARM_UP_BATCHES):
            _answer(model, next(batches))
        stacks = _sampled(model, batches, seconds, before)
        with times.annotated():
            operators = profile_operators(lambda: _answer(model, next(batches)), _TRACED_BATCHES)
        memory = _memory_of(model, operators)
    served = _served(archive, requests, seconds, concurrency or size, serving)
    return Profile(
        path=archive,
        name=served.case.name,
        batch_size=size,
        served=served,
        operators=operators,
        stacks=stacks,
        memory=memory,
        hardware=Hardware.here(),
    )


@contextmanager
def _loaded(
    archive: Path, options: LoadOptions, times: AnnotatedTimes, *, tuned: bool
) -> "Iterator[Model]":
    with ExitStack() as resources:
        model = start_archive(archive, options, resources, Given(times=times), tuned=tuned)
    with model:
        yield model


def _batches_of(requests: Inputs, size: int) -> Iterator[list[object]]:
    positions = cycle(range(len(requests)))
    while True:
        yield [requests[position] for position in islice(positions, size)]


def _answer(model: "Model", batch: list[object]) -> None:
    outcomes = model.predict_batch(batch)
    for outcome in outcomes:
        if isinstance(outcome, RequestError):
            raise ProfilingError(
                f"an input is not answered ({outcome.message}): what fails is not worth a profile; "
                "give inputs that the handler answers"
            ) from outcome


def _sampled(
    model: "Model", batches: Iterator[list[object]], seconds: float, before: frozenset[int]
) -> Stacks:
    folder = Path(model.context.system_properties["model_dir"])
    with StackSampler(Naming(folder), before) as sampler:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            _answer(model, next(batches))
    return sampler.stacks


def _memory_of(model: "Model", operators: OperatorProfile) -> Memory:
    return Memory(
        weights_mb=weights_mb(getattr(model.handler, "model", None)),
        tensors_mb=operators.tensors_mb,
        process_mb=process_mb(),
        gpu_mb=gpu_mb(),
    )


def _served(
    archive: Path,
    requests: Inputs,
    seconds: float,
    concurrency: int,
    serving: "ServingSettings",
) -> Result:
    load = Load(concurrency=concurrency, requests=_MOST_REQUESTS, at_most_s=seconds)
    (result,) = bench(archive, requests, load=load, **serving).results
    return result
