"""What became of each promise."""

from dataclasses import dataclass
from typing import Any, Literal

from ts_sdk.testing.promise import Check

Verdict = Literal["kept", "broken", "skipped", "expected", "unexpected"]
"""``expected``: broken, as was declared. ``unexpected``: kept, though declared to be broken."""

_FAILED = ("broken", "unexpected")


@dataclass(frozen=True)
class CheckResult:
    """What became of one promise.

    Attributes:
        check: The promise.
        verdict: ``kept``, ``broken``, ``skipped``, ``expected`` or ``unexpected``.
        message: What was seen, or why it was skipped or expected; empty when it was kept.
        elapsed_ms: How long it took.
    """

    check: Check
    verdict: Verdict
    message: str
    elapsed_ms: float

    @property
    def failed(self) -> bool:
        """Whether it speaks against the handler or against what was declared of it."""
        return self.verdict in _FAILED

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "check": self.check.name,
            "promise": self.check.promise,
            "verdict": self.verdict,
            "message": self.message,
            "elapsed_ms": self.elapsed_ms,
        }


@dataclass(frozen=True)
class CheckReport:
    """What became of all promises.

    Attributes:
        name: The handler or archive.
        results: One result a check, in the order in which they were run.
    """

    name: str
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no promise was broken, other than those that were declared."""
        return not any(result.failed for result in self.results)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """Those that speak against the handler or against what was declared of it."""
        return tuple(result for result in self.results if result.failed)

    def count(self, verdict: Verdict) -> int:
        """How many promises had this *verdict*."""
        return sum(result.verdict == verdict for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "name": self.name,
            "passed": self.passed,
            "results": [result.to_dict() for result in self.results],
        }
