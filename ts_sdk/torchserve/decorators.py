"""Decorators that TorchServe offered for functions of any kind."""

import functools
import logging
import time
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_logger = logging.getLogger(__name__)


def deprecated(
    version: object, replacement: str = "", klass: type[Warning] = PendingDeprecationWarning
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Let a function warn its callers.

    Args:
        version: The release since when it is deprecated.
        replacement: What to call in its place.
        klass: The warning's category.
    """

    def decorate(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        name = getattr(function, "__name__", str(function))
        advice = f"; use {replacement}" if replacement else ""

        @functools.wraps(function)
        def warned(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            message = f"{name} is deprecated since {version}{advice}"
            warnings.warn(message, klass, stacklevel=2)
            return function(*args, **kwargs)

        return warned

    return decorate


def timeit(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Log how many seconds each call of *function* takes."""
    name = getattr(function, "__name__", str(function))

    @functools.wraps(function)
    def timed(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        started, started_on_cpu = time.perf_counter(), time.process_time()
        result = function(*args, **kwargs)
        _logger.info(
            "%s took %.4f s, and %.4f s of the CPU's time",
            name,
            time.perf_counter() - started,
            time.process_time() - started_on_cpu,
        )
        return result

    return timed
