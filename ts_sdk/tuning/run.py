"""One tuning, from the order to the report."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver import Archive, Limits
from ts_sdk.config import ModelConfig
from ts_sdk.cores import available_cores
from ts_sdk.devices import resolve_device
from ts_sdk.hardware import Hardware
from ts_sdk.loader import load
from ts_sdk.starting import Isolation
from ts_sdk.tuned.measured_model import model_digest
from ts_sdk.tuning.accuracy import Reference
from ts_sdk.tuning.axes import HandlerFacts, Wishes, space_for
from ts_sdk.tuning.bench import Bench
from ts_sdk.tuning.clock import Budget, WallClock
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.forms import Forms
from ts_sdk.tuning.inputs import Inputs
from ts_sdk.tuning.journal import Journal, Subject
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.measuring import Effort
from ts_sdk.tuning.objective import Objective
from ts_sdk.tuning.report import Exclusion, TuningReport
from ts_sdk.tuning.search import Search
from ts_sdk.tuning.space import Candidate, Space

JOURNAL = "journal.jsonl"
_SEARCH_SHARE = 0.85
_ARRIVAL_SHARES = (0.5, 0.7, 0.85, 0.95)
"""Of the throughput of clients that wait: the rates at which requests arrive."""
_ARRIVALS_S = 5.0
_LEAST_PATIENCE_S = 60.0
_PATIENCE_SHARE = 0.25
"""Of the budget, that one candidate's first batches may take."""
_SHORTEST_S = 0.25
_FEW = 20
"""Arrivals that say something, of which there may be fewer in a short time."""


@dataclass(frozen=True)
class Order:
    """What `ts_sdk.tune` was asked for; see there."""

    archive: Path
    inputs: tuple[object, ...]
    objective: Objective
    wishes: Wishes
    budget_s: float
    output: Path
    resume: bool
    tolerance: float
    keep_float32: tuple[str, ...] | None
    trust_pickle: bool
    isolation: Isolation
    limits: Limits


@dataclass(frozen=True)
class _Known:
    """What is known of the archive before candidates are measured."""

    name: str
    version: str | None
    digest: str
    config: ModelConfig
    reference: Reference
    facts: HandlerFacts
    devices: tuple[str, ...]


def run(order: Order, progress: Callable[[Candidate, Measurement], None]) -> TuningReport:
    """Tune; see `ts_sdk.tune`."""
    if not order.inputs:
        raise TuningError("there are no inputs: give requests like those that will come")
    inputs = Inputs(order.inputs)
    known = _examine(order, inputs)
    order.objective.check_devices(known.devices)
    space, left_out = space_for(order.wishes, known.facts, known.devices, available_cores())
    hardware = Hardware.here()
    clock = WallClock()
    bench = _bench(order, known, inputs, _journal_of(order, known, inputs, hardware), clock)
    bench.on_measured = progress
    budget = Budget(order.budget_s, clock)
    searched = Budget(order.budget_s * _SEARCH_SHARE, clock, budget.started)
    search = Search(space, order.objective, bench.measure, searched, _as_it_is(known, space))
    with closing(bench):
        best = search.run()
        arrivals = () if best is None else _under_arrivals(bench, search, best, budget)
    archive = order.archive if best is None else bench.forms.archive_of(best.variant)
    return TuningReport(
        path=order.archive,
        name=known.name,
        version=known.version,
        digest=known.digest,
        config=known.config.values,
        inputs=len(inputs),
        hardware=hardware,
        objective=order.objective,
        tolerance=order.tolerance,
        budget_s=order.budget_s,
        used_s=budget.used_s,
        baseline=_as_it_is(known, space),
        best=best,
        archive=archive,
        measured=search.measured,
        arrivals=arrivals,
        differences=bench.journal.verdicts,
        model_digest=_model_digest_in(archive, order.limits),
        keep_float32=order.keep_float32,
        isolation=order.isolation,
        **_what_is_not_in(search, bench.journal, left_out),
    )


def _model_digest_in(path: Path, limits: Limits) -> str | None:
    with Archive.open(path, limits=limits) as archive:
        return model_digest(archive)


def _bench(
    order: Order, known: _Known, inputs: Inputs, journal: Journal, clock: WallClock
) -> Bench:
    import ts_sdk

    forms = Forms(
        order.archive,
        known.digest,
        inputs,
        order.output / "archives",
        order.trust_pickle,
        order.keep_float32,
        order.limits,
    )
    return Bench(
        forms,
        known.reference,
        inputs,
        journal,
        ts_sdk.serve_locally,
        order.isolation,
        max(_LEAST_PATIENCE_S, _PATIENCE_SHARE * order.budget_s),
        clock,
        keeps_slow=order.objective.word == "memory",
    )


def _examine(order: Order, inputs: Inputs) -> _Known:
    """Open the archive, and have it answer in float32 eager."""
    with Archive.open(order.archive, limits=order.limits) as archive:
        entry = archive.manifest.model
        named = entry.config_file
        config = ModelConfig.parse(archive.read(named), named) if named else ModelConfig()
        digest = archive.digest()
    devices = _devices(order, config)
    with load(
        order.archive,
        device=devices[0],
        precision="float32",
        trust_pickle=order.trust_pickle,
        limits=order.limits,
        tuned=False,
    ) as model:
        reference = Reference.of(model, inputs, order.tolerance)
        facts = HandlerFacts.of(model.handler, stateful=config.stateful)
    return _Known(entry.model_name, entry.model_version, digest, config, reference, facts, devices)


def _devices(order: Order, config: ModelConfig) -> tuple[str, ...]:
    """The devices to try: those named, else that of the config, else all kinds that there are."""
    named = order.wishes.devices
    if named is not None:
        if not named:
            raise TuningError("there is no device to try")
        return tuple(dict.fromkeys(str(resolve_device(each)) for each in named))
    if (config.device_type or "auto").lower() == "cpu":
        return ("cpu",)
    best = str(resolve_device("auto"))
    best = "cuda:0" if best == "cuda" else best
    return tuple(dict.fromkeys(("cpu", best)))


def _journal_of(order: Order, known: _Known, inputs: Inputs, hardware: Hardware) -> Journal:
    settings = f"{order.tolerance:g} {order.isolation} {order.keep_float32}"
    subject = Subject(known.digest, inputs.digest, hardware.fingerprint, settings)
    path = order.output / JOURNAL
    return Journal.resumed(path, subject) if order.resume else Journal.started(path, subject)


def _as_it_is(known: _Known, space: Space) -> Candidate:
    """The archive as its own config has it, on the first device, with its workers just busy."""
    config = known.config
    batch_size = 1 if known.facts.stateful else config.batch_size
    workers = 1 if known.facts.stateful else config.workers or 1
    fills = workers * batch_size
    return Candidate(
        device=space.devices[0],
        precision=config.precision or "float32",
        workers=workers,
        batch_size=batch_size,
        max_batch_delay_ms=int(config.max_batch_delay_ms or 0) if batch_size > 1 else 0,
        concurrency=fills if space.concurrencies is None else max(space.concurrencies),
    )


def _under_arrivals(
    bench: Bench, search: Search, best: Candidate, budget: Budget
) -> tuple[Measurement, ...]:
    """The best candidate under arrivals of rising rates, until the target is missed."""
    found: list[Measurement] = []
    throughput_rps = search.measured[best].throughput_rps
    if not throughput_rps:
        return ()
    share_s = budget.seconds * (1 - _SEARCH_SHARE) / len(_ARRIVAL_SHARES)
    for share in _ARRIVAL_SHARES:
        rate_rps = share * throughput_rps
        seconds = max(_SHORTEST_S, min(_ARRIVALS_S, max(share_s, _FEW / rate_rps)))
        if found and budget.left_s() < seconds:
            break
        effort = Effort(seconds, rounds=1, warm_up_s=seconds / 4)
        measured = bench.measure_arrivals(best, effort, rate_rps)
        if measured is None or not measured.requests:
            break
        found.append(measured)
        if not search.objective.is_met(measured):
            break
    return tuple(found)


def _what_is_not_in(
    search: Search, journal: Journal, left_out: list[tuple[str, str]]
) -> dict[str, Any]:
    """What is out and why, and what there was no time for: fields of a report."""
    excluded = [Exclusion(what, reason) for what, reason in left_out]
    for what, reason in journal.excluded.items():
        variant = None if isinstance(what, Candidate) else what
        excluded.append(Exclusion(what.name, reason, variant))
    left = [
        each
        for each in search.unmeasured
        if each not in search.measured and each.variant not in journal.excluded
    ]
    tried = {each.variant for each in search.measured}
    return {
        "excluded": tuple(excluded),
        "ignored": journal.ignored,
        "unmeasured": len(left),
        "untried": tuple(dict.fromkeys(each.variant for each in left if each.variant not in tried)),
    }
