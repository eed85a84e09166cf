"""What `Model.explain` and `Model.explain_batch` are given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from ts_sdk.errors import ExplanationError, HandlerContractError, RequestError
from ts_sdk.explain.explaining import Baseline, Wish
from ts_sdk.explain.explanation import Explanation
from ts_sdk.explain.methods import Method
from ts_sdk.explain.options import options_of
from ts_sdk.explain.requests import explain_requests
from ts_sdk.explain.targets import Wanted
from ts_sdk.rows import decode

if TYPE_CHECKING:
    from ts_sdk.precision import Precision
    from ts_sdk.runtime.in_process import InProcessRunner
    from ts_sdk.runtime.runner import Runner

_AUTO = "auto"


class ExplainOptions(TypedDict, total=False):
    """How answers are explained.

    Attributes:
        method: One of `ts_sdk.explain.Method`, or ``"auto"`` for the best that is right for the
            model's form; that is the default.
        baseline: What stands for an input that says nothing: a number, or values of the shape of
            the model's input; the default is 0, and for tokens no token.
        steps: Of the integral of integrated gradients; 50.
        samples: Of methods that draw at random; as many as the input asks for.
        cells: Into how many rows and columns a picture is divided where parts of it are covered;
            10, and half of it for the Shapley methods.
        layer: The name of the layer for Grad-CAM; the last convolution.
        internal_batch_size: Most rows in one call of the model; what free memory allows.
        measures: Whether infidelity and sensitivity are wanted too.
        seed: Of what is drawn at random; 0.
        on_progress: Is told how many more rows the model has answered.
    """

    method: str
    baseline: Baseline
    steps: int
    samples: int | None
    cells: int
    layer: str | None
    internal_batch_size: int | None
    measures: bool
    seed: int
    on_progress: Callable[[int], None]


def explain_given(
    runner: "Runner",
    given: Iterable[object],
    target: Wanted | Sequence[Wanted],
    on_error: Literal["return", "raise"],
    precision: "Precision",
    options: ExplainOptions,
) -> list[Explanation | RequestError | ExplanationError]:
    """What `Model.explain_batch` returns.

    Raises:
        ExplanationError: None of the requests can be explained in this way.
        HandlerContractError: The handler runs in another process.
    """
    if on_error not in {"return", "raise"}:
        raise ValueError(f"on_error must be 'return' or 'raise', not {on_error!r}")
    if isinstance(given, str | bytes | bytearray | memoryview | Mapping):
        raise TypeError(
            f"explain_batch() takes a list of requests, not one {type(given).__name__}; explain() "
            "takes one request"
        )
    if not hasattr(runner, "use"):
        raise HandlerContractError(
            "the handler runs in a process of its own, where it cannot be explained: load the "
            "archive with isolation='archive'"
        )
    wish = _wish(options)
    listed = list(given)
    targets = _targets(target, len(listed))
    requests = [_decoded(each) for each in listed]
    good = [index for index, each in enumerate(requests) if not isinstance(each, RequestError)]
    found: dict[int, Any] = dict(
        zip(
            good,
            explain_requests(
                cast("InProcessRunner", runner),
                [each for each in requests if not isinstance(each, RequestError)],
                [targets[index] for index in good],
                wish,
                precision,
            ),
            strict=True,
        )
    )
    outcomes = [found.get(index, requests[index]) for index in range(len(listed))]
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, RequestError):
            outcome.index = index
        if isinstance(outcome, Exception) and on_error == "raise":
            raise outcome
    return outcomes


def _wish(options: ExplainOptions) -> Wish:
    """The *options* as they are worked with.

    Raises:
        TypeError: There is no option of that name.
        ExplanationError: One has a value that means nothing.
    """
    given: dict[str, Any] = dict(options)
    unknown = sorted(given.keys() - ExplainOptions.__annotations__.keys())
    if unknown:
        raise TypeError(
            f"explain() has no option {unknown[0]!r}; it has "
            f"{', '.join(ExplainOptions.__annotations__)}"
        )
    given["rows_at_once"] = given.pop("internal_batch_size", None)
    word = str(given.pop("method", _AUTO))
    own = ("baseline", "measures", "seed", "on_progress")
    of_wish = {name: given.pop(name) for name in own if name in given}
    method = None if word == _AUTO else Method.parse(word)
    return Wish(method=method, options=options_of(**given), **of_wish)


def _targets(target: Wanted | Sequence[Wanted], count: int) -> list[Wanted]:
    if target is None or isinstance(target, int | str | bytes):
        return [target] * count
    targets = list(target)
    if len(targets) != count:
        raise ExplanationError(f"{len(targets)} targets were given for {count} requests")
    return targets


def _decoded(given: object) -> Any:  # noqa: ANN401 - a request, or why there is none
    try:
        return decode(given)
    except RequestError as error:
        return error
