"""A case: one archive in one setting, and what was measured of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.benchmarking.load import Load
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.report import figures
from ts_sdk.tuning.space import Candidate

if TYPE_CHECKING:
    from ts_sdk.runtime.pool.settings import ServingSettings


@dataclass(frozen=True)
class Case:
    """What is to be measured.

    Attributes:
        name: What it is called; cases of the same name stand together in reports.
        archive: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        inputs: The requests, taken in turn.
        load: How many of them, and how many at a time.
        serving: How the archive is served.
        model: What the report has in its column ``Model``.
        input: What it has in its column ``Input``.
    """

    name: str
    archive: Path
    inputs: Sequence[object]
    load: Load
    serving: "ServingSettings"
    model: str
    input: str


@dataclass(frozen=True)
class Result:
    """What was measured of a case.

    Attributes:
        case: The case.
        candidate: Its setting, with what the archive itself decides.
        measured: What it did.
    """

    case: Case
    candidate: Candidate
    measured: Measurement

    @property
    def is_whole(self) -> bool:
        """Whether all requests were sent, and not only those that there was time for."""
        if self.case.load.rate_rps is not None:
            return self.measured.seconds < self.case.load.at_most_s
        return self.measured.requests >= self.case.load.requests

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        candidate = self.candidate
        return {
            "name": self.case.name,
            "model": self.case.model,
            "input": self.case.input,
            "device": candidate.device,
            "precision": candidate.precision,
            "workers": candidate.workers,
            "batch_size": candidate.batch_size,
            "max_batch_delay_ms": candidate.max_batch_delay_ms,
            "concurrency": None if self.case.load.rate_rps else candidate.concurrency,
            **figures(self.measured),
        }
