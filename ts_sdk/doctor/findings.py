"""What an examination finds, and what it means for an archive."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """What a finding means: it cannot run, it runs after a change, it is good to know."""

    BLOCKS = "blocks"
    CHANGE = "change"
    NOTE = "note"


class Verdict(StrEnum):
    """What becomes of an archive here; the value is what programs read."""

    RUNS = "runs"
    NEEDS_CHANGE = "needs change"
    CANNOT = "cannot"

    @property
    def phrase(self) -> str:
        """The verdict on one archive, as people read it."""
        return _PHRASES[self][0]

    def phrase_of(self, count: int) -> str:
        """The verdict on *count* archives."""
        return _PHRASES[self][count != 1]


_PHRASES = {
    Verdict.RUNS: ("runs as it is", "run as they are"),
    Verdict.NEEDS_CHANGE: ("needs a change", "need a change"),
    Verdict.CANNOT: ("cannot run here", "cannot run here"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found in an archive.

    Attributes:
        check: What was looked for, such as ``missing-import``.
        severity: What it means.
        member: The file that it is about, None when it is about all of the archive.
        line: Where in it, counted from 1.
        message: What was found, and what comes of it.
        fix: What to do; None where nothing has to be done.
    """

    check: str
    severity: Severity
    message: str
    member: str | None = None
    line: int | None = None
    fix: str | None = None

    @property
    def place(self) -> str:
        """``member:line``, as editors and compilers write it."""
        if self.member is None:
            return ""
        return self.member if self.line is None else f"{self.member}:{self.line}"

    def to_dict(self) -> dict[str, object]:
        """It in JSON's types."""
        return {
            "check": self.check,
            "severity": str(self.severity),
            "member": self.member,
            "line": self.line,
            "message": self.message,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in one archive.

    Attributes:
        path: The archive.
        model_name: What the model is called; None when the archive could not be opened.
        findings: What was found, the gravest first.
    """

    path: Path
    model_name: str | None
    findings: tuple[Finding, ...]

    @property
    def was_opened(self) -> bool:
        """Whether the archive could be looked into at all."""
        return self.model_name is not None

    @property
    def verdict(self) -> Verdict:
        """What becomes of the archive here."""
        severities = {finding.severity for finding in self.findings}
        if Severity.BLOCKS in severities:
            return Verdict.CANNOT
        return Verdict.NEEDS_CHANGE if Severity.CHANGE in severities else Verdict.RUNS

    @property
    def decisive(self) -> tuple[Finding, ...]:
        """The findings that the verdict comes of."""
        wanted = {
            Verdict.CANNOT: Severity.BLOCKS,
            Verdict.NEEDS_CHANGE: Severity.CHANGE,
            Verdict.RUNS: None,
        }[self.verdict]
        return tuple(finding for finding in self.findings if finding.severity == wanted)

    def to_dict(self) -> dict[str, object]:
        """It in JSON's types."""
        return {
            "archive": str(self.path),
            "model": self.model_name,
            "verdict": str(self.verdict),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def sorted_by_gravity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """*findings* without repetitions, the gravest first, else in their order."""
    order = list(Severity)
    return tuple(sorted(dict.fromkeys(findings), key=lambda found: order.index(found.severity)))
