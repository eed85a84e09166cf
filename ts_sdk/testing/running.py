"""`run_checks`: judge a handler by every promise."""

import difflib
import time
from collections.abc import Callable, Iterable

from ts_sdk.blame import describe
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.checks import CHECKS
from ts_sdk.testing.promise import Check, CheckSkipped, PromiseBroken
from ts_sdk.testing.report import CheckReport, CheckResult, Verdict


def run_checks(
    case: HandlerCase,
    *,
    only: Iterable[str] = (),
    deep: bool = False,
    progress: Callable[[CheckResult], None] | None = None,
) -> CheckReport:
    """Judge a handler by its promises, one after the other.

    Args:
        case: The handler under test.
        only: Names of the checks to run; none of them names means all.
        deep: Whether checks that take long are run too; those named in *only* always are.
        progress: Called with each result as it comes.

    Raises:
        ValueError: *only*, or what is declared of the handler, names a check that does not exist.
        TypeError: *only* is one name, and no list of names.
        SdkError: The handler cannot be loaded at all.
    """
    only = listed(only)
    expected = case.expectations.expected_failures
    refuse_unknown([*only, *expected])
    results = []
    for each in chosen(only, deep=deep):
        result = judge(each, case, expected.get(each.name))
        results.append(result)
        if progress is not None:
            progress(result)
    return CheckReport(case.name, tuple(results))


def listed(only: Iterable[str]) -> tuple[str, ...]:
    """The names in *only*.

    Raises:
        TypeError: It is one name, whose letters would be taken for names.
    """
    if isinstance(only, str):
        raise TypeError(f"only is a list of checks' names: give [{only!r}]")
    return tuple(only)


def chosen(only: Iterable[str] = (), *, deep: bool = False) -> tuple[Check, ...]:
    """The checks that are run: those named, else all, the deep ones only if asked for."""
    wanted = set(only)
    return tuple(
        each for each in CHECKS if each.name in wanted or not (wanted or (each.deep and not deep))
    )


def judge(check: Check, case: HandlerCase, expected: str | None = None) -> CheckResult:
    """What becomes of one promise.

    Args:
        check: The promise.
        case: The handler under test.
        expected: Why it is declared to be broken; None when it is not.
    """
    started = time.perf_counter()
    verdict, message = _verdict(check, case)
    if expected is not None and verdict == "broken":
        verdict, message = "expected", expected
    elif expected is not None and verdict == "kept":
        verdict = "unexpected"
        message = (
            f"{check.name} is declared to fail ({expected}), but the promise is kept: take it out "
            "of expected_failures"
        )
    return CheckResult(check, verdict, message, (time.perf_counter() - started) * 1e3)


def _verdict(check: Check, case: HandlerCase) -> tuple[Verdict, str]:
    try:
        check(case)
    except CheckSkipped as reason:
        return "skipped", str(reason)
    except PromiseBroken as broken:
        return "broken", str(broken)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is the verdict
        return "broken", f"{check.name}: {describe(error)}\nThe promise: {check.promise}"
    return "kept", ""


def refuse_unknown(names: Iterable[str]) -> None:
    """Make sure that there are checks of these names.

    Raises:
        ValueError: There is none of a name; the nearest is suggested.
    """
    known = [each.name for each in CHECKS]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            suggestion = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise ValueError(f"there is no check {name!r}; {suggestion}")
