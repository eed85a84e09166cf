"""`HandlerCase`: a handler under test, the requests that it is asked, and what is expected."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from ts_sdk.errors import RequestError
from ts_sdk.rows import Request, decode
from ts_sdk.testing.chance import seed_generators
from ts_sdk.testing.closeness import Difference, Tolerance, differences
from ts_sdk.testing.expectations import Expectations
from ts_sdk.testing.promise import ANSWERS, SAMENESS, CheckSkipped, PromiseBroken

if TYPE_CHECKING:
    from ts_sdk.model import Model

_T = TypeVar("_T")


class Source(Protocol):
    """Where the models under test come from."""

    @property
    def name(self) -> str:
        """What the handler is called."""

    @property
    def path(self) -> Path | None:
        """The archive or folder; None for a handler's class."""

    @property
    def handler(self) -> Any:  # noqa: ANN401 - a class or a function
        """The handler's class or function, None where an archive has it."""

    def code(self) -> AbstractContextManager[Path | None]:
        """The archive or folder with the handler's code; None for a class of this program."""

    def load(self, **options: Any) -> "Model":  # noqa: ANN401 - those of `ts_sdk.load`
        """A model that nobody else has; *options* are those of `ts_sdk.load`."""


class HandlerCase:
    """A handler under test; a context manager, which closes the model that checks share.

    Args:
        source: Where models come from.
        requests: Requests that the handler answers, each as for `Model.predict`.
        bad_requests: Requests that it refuses, if some are known.
        expectations: What is said beforehand; None takes what the archive's config says.

    Raises:
        TypeError: A single request is given in place of several.
    """

    def __init__(
        self,
        source: Source,
        requests: Iterable[object] = (),
        *,
        bad_requests: Iterable[object] = (),
        expectations: Expectations | None = None,
    ) -> None:
        self.source = source
        self._given = _listed("requests", requests)
        self._given_bad = _listed("bad_requests", bad_requests)
        self._expectations = expectations
        self._model: Model | None = None
        self._cannot_be_loaded = False

    @property
    def name(self) -> str:
        """What the handler is called."""
        return self.source.name

    @cached_property
    def _requests(self) -> tuple[Request, ...]:
        """Read when they are first needed: a test's module is imported without its tests run."""
        return tuple(map(decode, self._given))

    @cached_property
    def _bad_requests(self) -> tuple[Request, ...]:
        return tuple(map(decode, self._given_bad))

    @property
    def requests(self) -> list[Request]:
        """The requests that the handler answers; a copy, which a handler may spoil.

        Raises:
            RequestError: One cannot be read.
        """
        return [_copy(each) for each in self._requests]

    @property
    def bad_requests(self) -> list[Request]:
        """The requests that it is known to refuse; a copy each time."""
        return [_copy(each) for each in self._bad_requests]

    @property
    def expectations(self) -> Expectations:
        """What is said beforehand of the handler.

        Raises:
            ConfigError: The config's section ``testing`` is wrong.
        """
        if self._expectations is None:
            self._expectations = Expectations.of_config(self.model.context.model_yaml_config or {})
        return self._expectations

    @property
    def model(self) -> "Model":
        """A model that all checks share; one that needs its own takes `load`."""
        if self._model is None:
            self._cannot_be_loaded = True
            self._model = self.source.load()
            self._cannot_be_loaded = False
        return self._model

    def require_answers(self, check: str) -> None:
        """Skip *check* where there are no requests, or the handler does not answer them.

        Raises:
            CheckSkipped: So it is.
        """
        if self._cannot_be_loaded:  # which one check has told, and may have taken its time
            raise CheckSkipped("the handler could not be loaded")
        if not self._requests:
            raise CheckSkipped("it needs requests that the handler answers, and there are none")
        outcomes = (*self.alone, *self.together)
        if check != ANSWERS and any(isinstance(each, RequestError) for each in outcomes):
            raise CheckSkipped(f"the requests are not all answered: see {ANSWERS}")

    def require_sameness(self, check: str) -> None:
        """Skip *check* where the same request does not get the same answer.

        Raises:
            CheckSkipped: So it is.
        """
        if not self.expectations.deterministic:
            raise CheckSkipped("the handler is declared not to be deterministic")
        if check != SAMENESS and self.chance is not None:
            raise CheckSkipped(f"the same request gets other answers: see {SAMENESS}")

    def require_explaining(self) -> None:
        """Skip a check where the handler does not explain its answers.

        Raises:
            CheckSkipped: So it is.
        """
        handler = self.model.handler
        own = getattr(type(handler), "explain_handle", None)
        from ts_sdk.handler import BaseHandler

        if own is None:
            raise CheckSkipped("the handler has no explain_handle()")
        if own is BaseHandler.explain_handle and not hasattr(handler, "get_insights"):
            raise CheckSkipped("the handler has no get_insights()")

    @cached_property
    def _first_outcomes(self) -> tuple[list[Any], list[Any]]:
        """What the requests are answered alone, and together, when they are first asked."""
        alone = [self.outcomes([each])[0] for each in self.requests]
        return alone, self.outcomes(self.requests)

    @property
    def alone(self) -> list[Any]:
        """What each request is answered alone; asked once for all checks, so do not change it."""
        return self._first_outcomes[0]

    @property
    def together(self) -> list[Any]:
        """What the requests are answered as one batch; as `alone`, asked once."""
        return self._first_outcomes[1]

    @cached_property
    def chance(self) -> Difference | None:
        """How the answers to the same requests differ, with the same seed; None if they do not."""
        seed_generators()
        first = self.answers(self.requests)
        seed_generators()
        return next(iter(self.differences(self.answers(self.requests), first)), None)

    def differences(
        self, actual: object, expected: object, tolerance: Tolerance | None = None
    ) -> list[Difference]:
        """Where answers are further apart than the *tolerance*; None takes `tolerance`.

        NaN is as expected where it is expected: whether it is right is one check's to judge.
        """
        return differences(
            actual, expected, tolerance=tolerance or self.tolerance(), equal_nan=True
        )

    @contextmanager
    def load(self, **options: Any) -> Iterator["Model"]:  # noqa: ANN401 - those of `ts_sdk.load`
        """A model that no other check has, closed at the end; *options* are `ts_sdk.load`'s."""
        model = self.source.load(**options)
        try:
            yield model
        finally:
            model.close()

    def answers(self, requests: Iterable[object], model: "Model | None" = None) -> list[Any]:
        """The answers to one batch of *requests*.

        Args:
            requests: Each as for `Model.predict`.
            model: What answers; None for the model that checks share.

        Raises:
            PromiseBroken: One of them was not answered.
        """
        outcomes = self.outcomes(requests, model)
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, RequestError):
                notes = getattr(outcome, "__notes__", ())
                said = "; ".join([outcome.message, *notes])
                raise PromiseBroken(
                    f"request {index} of a batch of {len(outcomes)} was not answered: {said}"
                ) from outcome
        return outcomes

    def outcomes(self, requests: Iterable[object], model: "Model | None" = None) -> list[Any]:
        """As `answers`, with a `RequestError` in place of an answer."""
        return (self.model if model is None else model).predict_batch(list(requests))

    def use(self, model: "Model", work: Callable[[Any], _T]) -> _T:
        """What *work* gives, called with *model*'s handler, in its turn and with its modules.

        Raises:
            CheckSkipped: The handler is a module's function, or in another process.
        """
        if model.handler is None:
            raise CheckSkipped("the handler is a function, or in another process")
        return model._runner.use(work)  # type: ignore[attr-defined,no-any-return] # noqa: SLF001 - no caller but tests needs it

    def tolerance(self, model: "Model | None" = None) -> Tolerance:
        """How far answers of *model* may be apart that should be equal."""
        if self.expectations.tolerance is not None:
            return self.expectations.tolerance
        return Tolerance.for_precision((self.model if model is None else model).precision)

    def assert_close(
        self, actual: object, expected: object, seen: str, tolerance: Tolerance | None = None
    ) -> None:
        """Hold *actual* to *expected*.

        Args:
            actual: Answers.
            expected: What they should be.
            seen: What it means when they are not, as the start of a sentence.
            tolerance: How far they may be apart; None takes `tolerance`.

        Raises:
            PromiseBroken: They are further apart.
        """
        found = self.differences(actual, expected, tolerance)
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise PromiseBroken(f"{seen}: {found[0]}{more}")

    def close(self) -> None:
        """Close the model that checks share; calling it twice does nothing."""
        if self._model is not None:
            self._model.close()
            self._model = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<HandlerCase {self.name!r}, {len(self._given)} requests>"


def _listed(name: str, requests: Iterable[object]) -> tuple[object, ...]:
    """*requests*, unless that is one, whose letters or keys would be taken for requests."""
    if isinstance(requests, str | bytes | bytearray | Mapping | PathLike | Request):
        kind = type(requests).__name__
        raise TypeError(f"{name} is a list of requests: give [...] with the {kind} in it")
    return tuple(requests)


def _copy(request: Request) -> Request:
    return Request(
        copy.deepcopy(dict(request.parts)), dict(request.headers), dict(request.content_types)
    )
