"""What `Model.explain` and `Model.explain_batch` are given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from ts_sdk.errors import ExplanationError, RequestError
from ts_sdk.explain.baselines import Baseline
from ts_sdk.explain.explaining import Wish
from ts_sdk.explain.methods import Method
from ts_sdk.explain.options import checked_seed, options_of
from ts_sdk.explain.regions import Region, is_box
from ts_sdk.explain.requests import Explained, Question, explain_requests
from ts_sdk.explain.targets import Wanted
from ts_sdk.rows import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ts_sdk.precision import Precision
    from ts_sdk.runtime.in_process import InProcessRunner
    from ts_sdk.runtime.process import ProcessRunner
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
        features: What feature ablation and the Shapley methods cover together in a picture:
            ``"superpixels"``, which end where its colours do, and are the default; ``"grid"``,
            squares; or an array ``(H, W)`` with the number of the part of each pixel of the picture
            that was sent. Of other inputs each value is a part, or what an array of their shape
            says.
        cells: Into how many rows and columns of parts a picture is divided, about; 10, and half of
            it for the Shapley methods.
        layer: The name of the layer for Grad-CAM; the last convolution.
        internal_batch_size: Most rows in one call of the model; what free memory allows.
        region: Of a segmentation, the region whose score is explained: left, top, right and bottom
            in pixels of the picture that was sent, or a mask ``(H, W)`` of it that is not 0 in the
            region; `Model.explain_batch` takes a list with one for each request too. Where the
            handler does not know how a picture was resized and cropped, they are pixels of the
            model's input. The default are the pixels that the model gives to the target.
        measures: Whether infidelity and sensitivity are wanted too.
        seed: Of what is drawn at random; 0.
        on_progress: Is told how many more rows the model has answered.
    """

    method: str
    baseline: Baseline
    steps: int
    samples: int | None
    features: "Literal['superpixels', 'grid'] | NDArray[Any] | Sequence[Any]"
    cells: int
    layer: str | None
    region: "Region | Sequence[Region | None] | None"
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
) -> list[Explained]:
    """What `Model.explain_batch` returns.

    Raises:
        ExplanationError: None of the requests can be explained in this way.
        HandlerContractError: The handler keeps no torch module in ``self.model``.
    """
    if on_error not in {"return", "raise"}:
        raise ValueError(f"on_error must be 'return' or 'raise', not {on_error!r}")
    if isinstance(given, str | bytes | bytearray | memoryview | Mapping):
        raise TypeError(
            f"explain_batch() takes a list of requests, not one {type(given).__name__}; explain() "
            "takes one request"
        )
    wish = wish_of(options)
    listed = list(given)
    targets = _targets(target, len(listed))
    regions = _regions(options.get("region"), len(listed))
    questions = [_question(*each) for each in zip(listed, targets, regions, strict=True)]
    if hasattr(runner, "use"):
        here = cast("InProcessRunner", runner)
        outcomes = explain_requests(here, questions, wish, precision)
    else:
        outcomes = cast("ProcessRunner", runner).explain(questions, options)
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, RequestError):
            outcome.index = index
        if isinstance(outcome, Exception) and on_error == "raise":
            raise outcome
    return outcomes


def wish_of(options: Mapping[str, Any]) -> Wish:
    """The *options* as they are worked with, but the region, of which each request has its own.

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
    given.pop("region", None)
    if isinstance(given.get("features"), str):
        given["parts"] = given.pop("features")
    word = str(given.pop("method", _AUTO))
    own = ("features", "baseline", "measures", "seed", "on_progress")
    of_wish = {name: given.pop(name) for name in own if name in given}
    of_wish["seed"] = checked_seed(of_wish.get("seed", 0))
    method = None if word == _AUTO else Method.parse(word)
    return Wish(method=method, options=options_of(**given), **of_wish)


def _targets(target: Wanted | Sequence[Wanted], count: int) -> list[Wanted]:
    if target is None or isinstance(target, int | str | bytes):
        return [target] * count
    targets = list(target)
    if len(targets) != count:
        raise ExplanationError(f"{len(targets)} targets were given for {count} requests")
    return targets


def _regions(region: Any, count: int) -> list[Any]:  # noqa: ANN401 - one, or one for each
    if not isinstance(region, list | tuple) or is_box(region):
        return [region] * count
    if len(region) != count:
        raise ExplanationError(
            f"{len(region)} regions were given for {count} requests; a mask is an array"
        )
    return list(region)


def _question(given: object, target: Wanted, region: Any) -> Question | RequestError:  # noqa: ANN401 - as above
    try:
        return Question(decode(given), target, region)
    except RequestError as error:
        return error
