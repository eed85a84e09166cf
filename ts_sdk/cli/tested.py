"""What ``mar test`` has found, as a table and as JSON."""

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.cli.tables import Column, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ts_sdk.errors import RequestError
    from ts_sdk.samples import GoldenResult
    from ts_sdk.testing import CheckReport, CheckResult
    from ts_sdk.testing.report import Verdict

_WORDS: "Mapping[Verdict, str]" = {
    "expected": "broken, as declared",
    "unexpected": "kept, not as declared",
}
"""What verdicts are called where their own word would be unclear."""

_VERDICTS: "tuple[Verdict, ...]" = ("kept", "broken", "unexpected", "expected", "skipped")
_LONGEST_REASON = 100


@dataclass(frozen=True)
class Tested:
    """What became of an archive.

    Attributes:
        archive: Its path.
        report: What became of the promises.
        goldens: How the answers compare with the recorded ones, one result a sample.
        samples: How many samples there were.
        answered: How many of them the handler is to answer; the others it is to refuse.
        refused: Those that it was to answer, and refuses.
    """

    archive: Path
    report: "CheckReport"
    goldens: "list[GoldenResult]"
    samples: int
    answered: int
    refused: "Mapping[str, RequestError]" = field(default_factory=dict)

    @property
    def compared(self) -> "list[GoldenResult]":
        """Those of `goldens` for which there was an answer to compare with."""
        return [result for result in self.goldens if result.golden is not None]

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the archive, and there was something to judge it by."""
        same = all(result.passed for result in self.compared)
        return self.report.passed and same and self.answered > 0

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        goldens = [
            {
                "sample": result.sample,
                "passed": result.passed if result.golden is not None else None,
                "message": str(result),
            }
            for result in self.goldens
        ]
        return {
            **self.report.to_dict(),
            "passed": self.passed,
            "samples": self.samples,
            "goldens": goldens,
        }


def print_tested(tested: Tested, *, deep: bool) -> None:
    """Print a row for each promise, what is wrong below, and what it comes to.

    Args:
        tested: What became of an archive.
        deep: Whether the promises that take long are among those judged.
    """
    columns = [Column("promise"), Column("verdict"), Column("ms", right=True), Column("")]
    print_table(
        columns,
        [
            [
                result.check.name,
                _WORDS.get(result.verdict, result.verdict),
                f"{result.elapsed_ms:.0f}",
                _reason(result),
            ]
            for result in tested.report.results
            if not _lacks_samples(result, tested)
        ],
    )
    wrong = [result.message for result in tested.report.failures]
    wrong += [str(golden) for golden in tested.compared if not golden.passed or golden.is_nearest]
    for text in (*wrong, _summary(tested)):
        print(f"\n{text}")
    for hint in _hints(tested, deep=deep):
        print(hint)


def no_samples(archive: Path) -> str:
    """What to do about an archive without samples."""
    return (
        f"{archive.name} holds no samples to judge by: give a folder with --samples, or pack the "
        "archive with --sample"
    )


def _lacks_samples(result: "CheckResult", tested: Tested) -> bool:
    """Whether it was skipped for what is said once, below."""
    return not tested.answered and result.verdict == "skipped" and result.check.needs_requests


def _reason(result: "CheckResult") -> str:
    """Why it has its verdict, in a line; what is broken is told below the table."""
    if result.verdict not in {"skipped", "expected"}:
        return ""
    return textwrap.shorten(result.message, _LONGEST_REASON, placeholder=" [...]")


def _summary(tested: Tested) -> str:
    report = tested.report
    counts = {verdict: report.count(verdict) for verdict in _VERDICTS}
    counted = [f"{count} {_WORDS.get(each, each)}" for each, count in counts.items() if count]
    if tested.compared:
        same = sum(result.passed for result in tested.compared)
        counted.append(f"{same} of {len(tested.compared)} answers as recorded")
    return f"{tested.archive}: {'; '.join(counted)}"


def _hints(tested: Tested, *, deep: bool) -> list[str]:
    if not tested.samples:
        return [no_samples(tested.archive)]
    if not tested.answered:
        return ["none of the samples is one that the handler answers: add one that it does"]
    if tested.refused:
        return [
            f"{name} is refused with status {error.status} ({error.message}): if it should be, "
            "--record keeps that, and asks for it from then on"
            for name, error in tested.refused.items()
        ]
    hints = [] if deep else ["--deep judges the promises too that take long"]
    if not tested.compared:
        hints.append("--record keeps the answers to the samples, to compare with from then on")
    return hints
