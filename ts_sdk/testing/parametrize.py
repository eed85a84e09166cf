"""`parametrize_checks`: each promise a test of its own, in pytest."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import LoadError
from ts_sdk.testing.building import Handler
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.expectations import Expectations
from ts_sdk.testing.promise import Check, CheckSkipped, PromiseBroken
from ts_sdk.testing.sources import source_of

if TYPE_CHECKING:
    from _pytest.mark.structures import MarkDecorator, ParameterSet


_OURS = str(Path(__file__).parents[1])


class BoundCheck:
    """A promise that one handler is held to; call it.

    Attributes:
        check: The promise.
        case: The handler under test, with its requests.
    """

    def __init__(self, check: Check, case: HandlerCase) -> None:
        self.check = check
        self.case = case

    def __call__(self) -> None:
        """Judge the handler.

        Raises:
            PromiseBroken: It does not keep the promise.
            LoadError: It cannot be loaded.
        """
        __tracebackhide__ = True
        import pytest

        try:
            self.check(self.case)
        except CheckSkipped as reason:
            pytest.skip(str(reason))
        except PromiseBroken as broken:
            raise broken from _of_the_handler(broken.__cause__)
        except LoadError as error:
            raise error.with_traceback(None) from _of_the_handler(error.__cause__)

    def __repr__(self) -> str:
        return f"<{self.check.name} of {self.case.name}>"


def _of_the_handler(error: BaseException | None) -> BaseException | None:
    """What the handler itself has raised, without the way that led to the handler."""
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    if error is None:
        return None
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename.startswith(_OURS):
        step = step.tb_next
    return error if step is None else error.with_traceback(step)


def parametrize_checks(
    handler: Handler,
    requests: Iterable[object] = (),
    *,
    bad_requests: Iterable[object] = (),
    expectations: Expectations | None = None,
    only: Iterable[str] = (),
    deep: bool = False,
    **options: Any,  # noqa: ANN401 - those of `load_handler`
) -> "MarkDecorator":
    """Run a test function once for each promise; it is given one as ``check``, to be called.

    Args:
        handler: The handler's class or function, its file, a built-in handler's name, or an
            archive or a folder of sources.
        requests: Requests that it answers, each as for `Model.predict`; they are read when the
            first check runs.
        bad_requests: Requests that it refuses.
        expectations: What is said beforehand, expected failures among it, which are tests that are
            expected to fail.
        only: Names of the checks; none of them names means all.
        deep: Whether checks that take long are among them.
        **options: What `load_handler` takes, of an archive what `ts_sdk.load` takes: the model,
            files, config, device, precision.

    Raises:
        ValueError: *only* or an expected failure names a check that does not exist.
        TypeError: *only*, *requests* or *bad_requests* is one thing, and no list.
    """
    import pytest

    from ts_sdk.testing.running import chosen, listed, refuse_unknown

    expected = {} if expectations is None else expectations.expected_failures
    only = listed(only)
    refuse_unknown([*only, *expected])
    case = HandlerCase(
        source_of(handler, **options),
        requests,
        bad_requests=bad_requests,
        expectations=expectations,
    )

    def parameter(check: Check) -> "ParameterSet":
        reason = expected.get(check.name)
        failing = pytest.mark.xfail(reason=reason or "", raises=PromiseBroken, strict=True)
        return pytest.param(
            BoundCheck(check, case), id=check.name, marks=() if reason is None else failing
        )

    return pytest.mark.parametrize("check", [parameter(each) for each in chosen(only, deep=deep)])
