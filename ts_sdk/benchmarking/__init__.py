"""Benchmarks: what an archive does under load, as TorchServe's suite asked, or beside another."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ts_sdk.benchmarking.bootstrap import Change
from ts_sdk.benchmarking.case import Case, Result
from ts_sdk.benchmarking.comparing import CONFIDENCE, ROUNDS, Judged, SpeedComparison
from ts_sdk.benchmarking.errors import BenchmarkError
from ts_sdk.benchmarking.load import Load
from ts_sdk.benchmarking.report import BenchReport
from ts_sdk.benchmarking.rules import Rule, Verdict

if TYPE_CHECKING:
    from ts_sdk.runtime.pool.settings import ServingSettings

__all__ = [
    "BenchReport",
    "BenchmarkError",
    "Case",
    "Change",
    "Judged",
    "Load",
    "Result",
    "Rule",
    "SpeedComparison",
    "Verdict",
    "bench",
    "bench_config",
    "compare_speed",
]

_LOAD = Load()


def bench(
    archive: str | os.PathLike[str],
    inputs: Iterable[object],
    *,
    load: Load = _LOAD,
    progress: Callable[[Result], object] = lambda _result: None,
    **serving: "Unpack[ServingSettings]",
) -> BenchReport:
    """Measure one setting of an archive.

    Args:
        archive: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        inputs: Requests, as `Model.predict` takes them, sent in turn.
        load: How many of them, and how many at a time.
        progress: Is called with the result.
        **serving: How it is served, as for `ts_sdk.serve_locally`.

    Raises:
        BenchmarkError: There are no inputs.
        RequestError: An input cannot be read.
        LoadError: The archive cannot be served; so are the others of `ts_sdk.serve_locally`.
    """
    from ts_sdk.benchmarking.running import measure

    result = measure(_case(archive, inputs, load, serving))
    progress(result)
    return BenchReport((result,), _hardware())


def bench_config(  # noqa: PLR0913 - options given by name
    config: str | os.PathLike[str],
    *,
    model_store: str | os.PathLike[str] | None = None,
    inputs: Sequence[str | os.PathLike[str]] | None = None,
    processor: str | None = None,
    requests: int | None = None,
    concurrency: int | None = None,
    at_most_s: float | None = None,
    warm_up_requests: int | None = None,
    progress: Callable[[Result], object] = lambda _result: None,
    **serving: "Unpack[ServingSettings]",
) -> BenchReport:
    """Run a benchmark config of TorchServe's, and have its report.

    Args:
        config: A model's config, or one that lists several (``models:``), in YAML or JSON.
        model_store: The folder that holds the archives which the config has addresses of.
        inputs: Files that are sent in place of those that the config names.
        processor: ``cpu``, ``cuda`` or ``cuda:1`` runs on these only; None on all that are here.
        requests: How many are sent, in place of what the config says.
        concurrency: How many at a time, in place of what the config says.
        at_most_s: After how many seconds no more are sent in a setting.
        warm_up_requests: How many are sent before and not counted.
        progress: Is called with each result.
        **serving: How archives are served, in place of what the config says.

    Raises:
        BenchmarkError: The config is wrong or names what is not here; nothing was run.
        LoadError: An archive cannot be served; so are the others of `ts_sdk.serve_locally`.
    """
    from ts_sdk.benchmarking.places import Places
    from ts_sdk.benchmarking.plan import plan_of
    from ts_sdk.benchmarking.running import measure

    wished = {
        "requests": requests,
        "concurrency": concurrency,
        "at_most_s": at_most_s,
        "warm_up": warm_up_requests,
    }
    given = None if inputs is None else tuple(map(Path, inputs))
    plan = plan_of(
        Path(config),
        places=Places(None if model_store is None else Path(model_store), given),
        processor=processor,
        load={name: value for name, value in wished.items() if value is not None},
        serving=serving,
    )
    results = []
    for case in plan.cases:
        results.append(measure(case))
        progress(results[-1])
    return BenchReport(results, _hardware(), plan.ignored, plan.skipped)


def compare_speed(  # noqa: PLR0913 - options given by name
    archive: str | os.PathLike[str],
    before: str | os.PathLike[str],
    inputs: Iterable[object],
    *,
    rules: Iterable[str | Rule] = (),
    load: Load = _LOAD,
    rounds: int = ROUNDS,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    progress: Callable[[Result], object] = lambda _result: None,
    **serving: "Unpack[ServingSettings]",
) -> BenchReport:
    """Measure an archive in turn with another, and say whether it is slower than it may be.

    Args:
        archive: The archive that may have become slower.
        before: The one that it is compared with.
        inputs: Requests, as `Model.predict` takes them, sent to both.
        rules: How much worse a figure may become, such as ``throughput -5%`` and ``p99 +10%``.
        load: What each round sends.
        rounds: How many rounds each has, five at least.
        confidence: How often the interval of a change has the true one in it.
        seed: Makes the same intervals of the same figures.
        progress: Is called with the result of each round.
        **serving: How both are served, as for `ts_sdk.serve_locally`.

    Returns:
        A report whose `comparison` tells the changes. It has not passed when the interval of a
        change lies wholly beyond a rule's bound, or when more requests fail than before.

    Raises:
        BenchmarkError: A rule is none, there are no inputs, or too few rounds.
        RequestError: An input cannot be read.
        LoadError: One cannot be served; so are the others of `ts_sdk.serve_locally`.
    """
    from ts_sdk.benchmarking.comparing import compare_cases

    given = tuple(inputs)
    parsed = [each if isinstance(each, Rule) else Rule.parse(each) for each in rules]
    comparison = compare_cases(
        _case(before, given, load, serving, name="before"),
        _case(archive, given, load, serving, name="now"),
        rounds=rounds,
        rules=parsed,
        confidence=confidence,
        seed=seed,
        progress=progress,
    )
    results = (*comparison.before, *comparison.now)
    return BenchReport(results, _hardware(), comparison=comparison)


def _case(
    archive: str | os.PathLike[str],
    inputs: Iterable[object],
    load: Load,
    serving: Any,  # noqa: ANN401 - `ServingSettings`, which Unpack makes a dict of
    name: str | None = None,
) -> Case:
    path, given = Path(archive), tuple(inputs)
    if not given:
        raise BenchmarkError("there are no inputs: give requests like those that will come")
    plural = "" if len(given) == 1 else "s"
    return Case(
        name=name or path.name,
        archive=path,
        inputs=given,
        load=load,
        serving=serving,
        model=str(path),
        input=f"{len(given)} input{plural}",
    )


def _hardware() -> Any:  # noqa: ANN401 - its class is imported when it is asked for
    from ts_sdk.hardware import Hardware

    return Hardware.here()
