"""Exceptions on their way from a handler's process to the program.

Only classes of `ts_sdk.errors` and `archiver.errors` make the way: of a class that the archive
defines, its nearest base among them. The traceback goes as text, and becomes the exception's cause.
"""

import traceback
from dataclasses import dataclass, field
from typing import Any

from archiver import errors as archiver_errors
from ts_sdk import errors as sdk_errors
from ts_sdk.errors import HandlerLoadError
from ts_sdk.runtime.pickling import Foreign, travels

_HOMES = {module.__name__: module for module in (sdk_errors, archiver_errors)}


class RemoteTraceback(Exception):  # noqa: N818 - it is shown as the cause of an error
    """Where in another process an exception came from, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"in the handler's process\n{self.text}"


@dataclass(frozen=True)
class Failure:
    """An exception, taken apart.

    Attributes:
        home: Module of its class.
        name: Name of its class.
        arguments: What the exception was made of.
        attributes: What it carries; None in place of what cannot be pickled.
        trace: Its traceback with those of its causes, empty where it was never raised.
    """

    home: str
    name: str
    arguments: tuple[object, ...] = ()
    attributes: dict[str, object] = field(default_factory=dict)
    trace: str = ""


def take_apart(error: BaseException, foreign: Foreign | None = None) -> Failure:
    """*error* as a value that any process can read.

    Args:
        error: The exception.
        foreign: Tells of modules that only this process has.
    """
    known = next((cls for cls in type(error).__mro__ if cls.__module__ in _HOMES), None)
    if known is None:
        return take_apart(_as_load_error(error), foreign)
    arguments = error.args if travels(error.args, foreign) else tuple(map(str, error.args))
    attributes = {
        name: each if travels(each, foreign) else None for name, each in vars(error).items()
    }
    return Failure(known.__module__, known.__name__, arguments, attributes, _trace_of(error))


def put_together(failure: Failure) -> Any:  # noqa: ANN401 - an exception of the class that it names
    """The exception that was taken apart; its cause is its traceback in the other process."""
    kind: type[Exception] = getattr(_HOMES[failure.home], failure.name)
    # It is not called: each class has arguments of its own.
    error = kind.__new__(kind, *failure.arguments)
    error.args = failure.arguments
    vars(error).update(failure.attributes)
    if failure.trace:
        error.__cause__ = RemoteTraceback(failure.trace)
    return error


def _as_load_error(error: BaseException) -> HandlerLoadError:
    failure = HandlerLoadError(f"starting the handler failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _trace_of(error: BaseException) -> str:
    told = error if error.__traceback__ is not None else error.__cause__
    return "" if told is None else "".join(traceback.format_exception(told)).rstrip()
