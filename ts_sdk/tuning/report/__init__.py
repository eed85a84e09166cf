"""What tuning has found, and the files that tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ts_sdk.hardware import Hardware
from ts_sdk.tuning.binding import Binding, binding_of
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.objective import Objective
from ts_sdk.tuning.space import Candidate, Variant


@dataclass(frozen=True)
class Exclusion:
    """A variant, a candidate or an axis that is out.

    Attributes:
        what: Which, in words.
        reason: Why.
        variant: The variant; None where it is something else.
    """

    what: str
    reason: str
    variant: Variant | None = None


@dataclass(frozen=True)
class TuningReport:
    """What was found.

    Attributes:
        path: The archive.
        name: The model's name.
        version: The model's version, None when its archive names none.
        digest: The archive's SHA-256.
        config: Its `model-config.yaml`.
        inputs: How many inputs there were.
        hardware: What it was measured on.
        objective: What was looked for.
        tolerance: How far answers may be from those of float32 eager.
        budget_s: How long it might take.
        used_s: How long it took.
        baseline: The archive as it is, one that is among the measured if it could be.
        best: The best candidate; None when nothing could be measured. Whether it meets the target,
            `met` says.
        archive: The archive that the best candidate was measured with.
        model_digest: What tells the model in it from others; None where nothing does.
        keep_float32: The layers that reduced precisions were measured with in float32; None for
            those of the config.
        isolation: Whether workers were threads (``archive``), or processes.
        measured: Candidate → its measurement under clients that wait for their answers.
        arrivals: The best candidate under requests that arrive at random times, by rate.
        differences: Variant → how far its answers are from those of float32 eager, at most.
        excluded: What is out, and why.
        unmeasured: How many candidates of the grid the budget has not sufficed for.
        untried: Variants of which it has not sufficed for a single one.
        ignored: Lines of the journal that are of something else, and were not taken over.
    """

    path: Path
    name: str
    version: str | None
    digest: str
    config: Mapping[str, Any]
    inputs: int
    hardware: Hardware
    objective: Objective
    tolerance: float
    budget_s: float
    used_s: float
    baseline: Candidate
    best: Candidate | None
    archive: Path
    measured: Mapping[Candidate, Measurement]
    arrivals: tuple[Measurement, ...] = ()
    differences: Mapping[Variant, float] = field(default_factory=dict)
    excluded: tuple[Exclusion, ...] = ()
    unmeasured: int = 0
    untried: tuple[Variant, ...] = ()
    ignored: int = 0
    model_digest: str | None = None
    keep_float32: tuple[str, ...] | None = None
    isolation: str = "archive"

    @property
    def met(self) -> bool:
        """Whether the best candidate meets the target."""
        return self.best is not None and self.objective.is_met(self.measured[self.best])

    @property
    def best_measured(self) -> Measurement | None:
        """What the best candidate did."""
        return None if self.best is None else self.measured[self.best]

    @property
    def excess(self) -> float | None:
        """How far the nearest p99 is above the target, as a share of it; None when it is met."""
        measured = self.best_measured
        return None if measured is None or self.met else self.objective.excess(measured)

    @property
    def speed_up(self) -> float | None:
        """The best throughput over that of the archive as it is; None where one is not known."""
        before, after = self.measured.get(self.baseline), self.best_measured
        if before is None or after is None or not before.throughput_rps:
            return None
        return after.throughput_rps / before.throughput_rps

    @property
    def sustained_rps(self) -> float | None:
        """The highest rate of arrivals at which the target was met; None when there was none."""
        met = [
            each.rate_rps for each in self.arrivals if each.rate_rps and self.objective.is_met(each)
        ]
        return max(met, default=None)

    @property
    def binding(self) -> Binding | None:
        """What holds the best candidate back; None where its phases were not seen."""
        if self.best is None:
            return None
        out = [each.variant for each in self.excluded if each.variant is not None]
        tried = [*(each.variant for each in self.measured), *out]
        return binding_of(self.best, self.measured[self.best], self.hardware.cores, tried)

    @property
    def ordered(self) -> list[Candidate]:
        """The measured candidates: the best, then the others by what they have shown.

        One that was measured for a short time only may have shown more than the best.
        """
        return sorted(
            self.measured,
            key=lambda each: (
                each == self.best,
                self.objective.rank(each, self.measured[each]),
            ),
            reverse=True,
        )

    def pareto(self) -> list[Candidate]:
        """Those that no other beats in both throughput and p99, by p99."""
        front: list[Candidate] = []
        answering = [each for each in self.measured if self.measured[each].error_rate == 0]
        by_p99 = sorted(
            answering,
            key=lambda each: (self.measured[each].p99_ms, -self.measured[each].throughput_rps),
        )
        for each in by_p99:
            rate = self.measured[each].throughput_rps
            if not front or rate > self.measured[front[-1]].throughput_rps:
                front.append(each)
        return front

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values, without the latencies' distributions."""
        binding = self.binding
        return {
            "path": str(self.path),
            "digest": self.digest,
            "objective": self.objective.word,
            "p99_target_ms": self.objective.p99_ms,
            "met": self.met,
            "excess": self.excess if self.excess != float("inf") else None,
            "best": None if self.best is None else self._row(self.best),
            "archive": str(self.archive),
            "baseline": self._row(self.baseline),
            "speed_up": self.speed_up,
            "sustained_rps": self.sustained_rps,
            "binding": None if binding is None else vars(binding),
            "arrivals": [figures(each) for each in self.arrivals],
            "measured": [self._row(each) for each in self.ordered],
            "excluded": [{"what": each.what, "reason": each.reason} for each in self.excluded],
            "unmeasured": self.unmeasured,
            "untried": [each.name for each in self.untried],
            "hardware": self.hardware.to_dict(),
            "budget_s": self.budget_s,
            "used_s": round(self.used_s, 3),
        }

    def write(self, folder: Path) -> list[Path]:
        """Write the report's files into *folder*, and return their paths.

        ``ab_report.csv``, ``report.md``, ``report.html``, and, when something was measured,
        ``model-config.yaml`` and ``profile.json``.
        """
        from ts_sdk.tuning.report.files import write_files

        return write_files(self, folder)

    def pack(self, target: Path) -> Path:
        """Write the archive with the best setting in it, for machines like this one.

        It is the one that the best setting was measured with, so its model is in that form, with
        the profile inside; `ts_sdk.load` and `ts_sdk.serve_locally` apply it.

        Args:
            target: The new file, ``.mar`` or ``.tar.gz`` as the archive is.

        Returns:
            *target*.

        Raises:
            TuningError: Nothing was measured, *target* exists, or the archive is a folder.
            PackError: It cannot be written.
        """
        from ts_sdk.tuning.report.packing import pack_report

        return pack_report(self, target)

    def _row(self, candidate: Candidate) -> dict[str, Any]:
        measured = self.measured.get(candidate)
        row = {**candidate.to_dict(), "answers_differ_by": self.differences.get(candidate.variant)}
        return row if measured is None else {**row, **figures(measured)}


def figures(measured: Measurement) -> dict[str, Any]:
    """The numbers of a measurement that people compare, as JSON values."""
    told = measured.to_dict()
    told.pop("quantiles_ms")
    model_ms = told.pop("model_ms")
    percents = (10, 50, 90, 95, 99)
    if measured.quantiles_ms:
        told |= {f"p{percent}_ms": round(measured.quantile_ms(percent), 3) for percent in percents}
    told |= {f"model_{name}_ms": round(value, 3) for name, value in model_ms.items()}
    return {name: value for name, value in told.items() if value not in (float("inf"), None)}
