"""The journal: every measurement as a line of JSON, so that a run that ended early goes on.

Each line carries the digests of the archive and of the inputs and the fingerprint of the machine;
lines of others are left alone, and are not used.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.measuring import Effort
from ts_sdk.tuning.space import Candidate, Form, Variant

_NEARLY = 0.9


@dataclass(frozen=True)
class Subject:
    """What measurements are of.

    Attributes:
        archive: The archive's SHA-256.
        inputs: The SHA-256 of the inputs.
        hardware: The machine's fingerprint.
        settings: What else they depend on, such as the tolerance.
    """

    archive: str
    inputs: str
    hardware: str
    settings: str = ""

    def to_dict(self) -> dict[str, str]:
        """The fields as JSON values."""
        return asdict(self)


@dataclass
class Journal:
    """Measurements and exclusions, in a file.

    Attributes:
        path: The file; it is made with the first line.
        subject: What they are of.
        measurements: Those that are known, the longest of each candidate.
        excluded: Variants, and single candidates, that are out, with the reason.
        verdicts: Variants whose answers are right, with how far they differ.
        ignored: How many lines are of something else.
    """

    path: Path
    subject: Subject
    measurements: dict[Candidate, Measurement] = field(default_factory=dict)
    excluded: dict[Variant | Candidate, str] = field(default_factory=dict)
    verdicts: dict[Variant, float] = field(default_factory=dict)
    ignored: int = 0

    @classmethod
    def resumed(cls, path: Path, subject: Subject) -> "Journal":
        """The journal in *path*, with what it has about *subject*."""
        journal = cls(path, subject)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for line in text.splitlines():
            journal._read(line)
        if text and not text.endswith("\n"):  # the run was killed in a line
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")
        return journal

    @classmethod
    def started(cls, path: Path, subject: Subject) -> "Journal":
        """An empty journal; one that is in *path* is kept beside it, as ``.before``."""
        if path.exists():
            path.replace(path.with_name(f"{path.name}.before"))
        return cls(path, subject)

    def measured(self, candidate: Candidate, effort: Effort) -> Measurement | None:
        """What is known of *candidate*, if it was measured as thoroughly as *effort* says.

        Of a single round, which is a first look, enough answers will do: how long it takes depends
        on the budget, which may be another one now.
        """
        known = self.measurements.get(candidate)
        if known is None or (effort.rounds == 1 and known.answered >= effort.least):
            return known
        # A round ends between two answers, and may be a little short of what was asked for.
        enough = known.seconds / known.rounds >= _NEARLY * effort.seconds
        return known if enough and (known.rounds > 1 or effort.rounds == 1) else None

    def note(self, candidate: Candidate, measured: Measurement) -> None:
        """Keep a measurement."""
        self._keep(candidate, measured)
        self._write({**_named(candidate), "measured": measured.to_dict()})

    def exclude(self, what: Variant | Candidate, reason: str) -> None:
        """Keep why a variant, or one candidate, is out."""
        self.excluded[what] = reason
        self._write({**_named(what), "excluded": reason})

    def accept(self, variant: Variant, difference: float) -> None:
        """Keep that a variant's answers are right, and how far they differ at most."""
        self.verdicts[variant] = difference
        self._write({**_named(variant), "difference": difference})

    def _keep(self, candidate: Candidate, measured: Measurement) -> None:
        if measured.load != "closed":
            return
        known = self.measurements.get(candidate)
        if known is None or measured.seconds >= known.seconds:
            self.measurements[candidate] = measured

    def _write(self, entry: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({**self.subject.to_dict(), **entry})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
            if {name: entry.get(name) for name in self.subject.to_dict()} != self.subject.to_dict():
                self.ignored += 1
                return
            self._take(entry)
        except (ValueError, KeyError, TypeError, AttributeError):  # the run was killed in a line
            self.ignored += 1

    def _take(self, entry: dict[str, Any]) -> None:
        what = _named_in(entry)
        if "measured" in entry and isinstance(what, Candidate):
            self._keep(what, Measurement.from_dict(entry["measured"]))
        elif "excluded" in entry:
            self.excluded[what] = entry["excluded"]
        else:
            self.verdicts[what] = entry["difference"]


def _named(what: Variant | Candidate) -> dict[str, Any]:
    if isinstance(what, Candidate):
        return {"candidate": what.to_dict()}
    return {"variant": {**asdict(what), "form": str(what.form)}}


def _named_in(entry: dict[str, Any]) -> Variant | Candidate:
    if "candidate" in entry:
        return Candidate.from_dict(entry["candidate"])
    return Variant(**{**entry["variant"], "form": Form(entry["variant"]["form"])})
