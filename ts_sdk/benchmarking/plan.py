"""The cases of a TorchServe benchmark config, read and checked before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.benchmarking.case import Case
from ts_sdk.benchmarking.devices import Processor, processors_in
from ts_sdk.benchmarking.errors import BenchmarkError
from ts_sdk.benchmarking.load import AT_MOST_S, Load
from ts_sdk.benchmarking.places import Places
from ts_sdk.benchmarking.torchserve_config import Entry, entries_in
from ts_sdk.errors import RequestError
from ts_sdk.rows import Request

if TYPE_CHECKING:
    from ts_sdk.runtime.pool.settings import ServingSettings

_OF_THE_CONFIG = frozenset({"workers", "batch_size", "max_batch_delay_ms", "device"})
_CONTENT_TYPE = "application/jpg"
"""What Apache Bench was told that every input is, unless a config said otherwise."""


@dataclass
class Plan:
    """What is to be run.

    Attributes:
        cases: The cases, in the order in which TorchServe's suite ran them.
        ignored: What the config says and nothing here has a use for, a sentence each.
        skipped: What cannot be run here, a sentence each.
        problems: What is wrong, a sentence each.
    """

    cases: list[Case] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def plan_of(
    config: Path,
    *,
    places: Places,
    processor: str | None,
    load: Mapping[str, Any],
    serving: "ServingSettings",
) -> Plan:
    """The cases that *config* has.

    Args:
        config: A model's config, a config that lists those of several models, or the flat one of a
            single run; YAML or JSON.
        places: Where archives and inputs are looked for.
        processor: Runs on these only, ``cpu``, ``cuda`` or ``cuda:1``; None on all that there are.
        load: What is meant in place of the config's ``requests``, ``concurrency``, ..., by the
            fields of `Load`.
        serving: How archives are served, beside what the config says.

    Raises:
        BenchmarkError: The config is wrong, or names what is not here; all problems are told.
    """
    twice = sorted(_OF_THE_CONFIG & serving.keys())
    if twice:
        raise BenchmarkError(f"{', '.join(twice)}: {config} says so itself; change it there")
    plan = Plan()
    for entry in entries_in(config, plan.ignored, plan.problems):
        _add(plan, entry, places, processor, load, serving)
    if plan.problems:
        told = "\n".join(f"  {each}" for each in plan.problems)
        raise BenchmarkError(
            f"{config} cannot be run:\n{told}", problems=tuple(dict.fromkeys(plan.problems))
        )
    plan.ignored[:] = dict.fromkeys(plan.ignored)
    plan.skipped[:] = dict.fromkeys(plan.skipped)
    if not plan.cases:
        why = "; ".join(plan.skipped) or "it names no model, or no processor that was asked for"
        raise BenchmarkError(f"{config} has nothing to run here: {why}")
    return plan


def _add(
    plan: Plan,
    entry: Entry,
    places: Places,
    processor: str | None,
    load: Mapping[str, Any],
    serving: "ServingSettings",
) -> None:
    archive = places.archive(entry, plan.problems)
    inputs = places.inputs(entry, plan.problems)
    processors = processors_in(entry, processor, plan.skipped)
    if archive is None or inputs is None:
        return
    try:
        given = Load(
            **{
                "concurrency": entry.concurrency,
                "requests": entry.requests,
                "at_most_s": AT_MOST_S,
                **load,
            }
        )
        requests = tuple(_sent(path, entry.content_type) for path in inputs)
    except (BenchmarkError, RequestError) as error:
        plan.problems.append(f"{entry.name}: {error}")
        return
    for where, batch_size, workers in product(processors, entry.batch_sizes, entry.workers):
        settings = _settings(entry, where, batch_size, workers)
        plan.cases.append(
            Case(
                name=entry.name if len(processors) == 1 else f"{entry.name} on {where.name}",
                archive=archive,
                inputs=requests,
                load=given,
                serving={**settings, **serving},
                model=entry.url,
                input=", ".join(f"[input]({path})" for path in inputs),
            )
        )


def _settings(
    entry: Entry, processor: Processor, batch_size: int, workers: int
) -> "ServingSettings":
    return {
        "batch_size": batch_size,
        "workers": workers,
        "max_batch_delay_ms": entry.batch_delay_ms,
        "device": processor.devices,
    }


def _sent(path: Path, content_type: str | None) -> Request:
    """The file as Apache Bench sent it: its bytes, with one content type for all."""
    try:
        return Request.sent(path.read_bytes(), content_type=content_type or _CONTENT_TYPE)
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}") from error
