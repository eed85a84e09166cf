"""`Model.explain_batch`: from requests to explanations."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from torch import nn

from ts_sdk.errors import ExplanationError, HandlerContractError, RequestError
from ts_sdk.explain.calls import Call, noted
from ts_sdk.explain.explaining import Explainer, Wish
from ts_sdk.explain.explanation import Explanation
from ts_sdk.explain.targets import Wanted
from ts_sdk.precision import Precision

if TYPE_CHECKING:
    from ts_sdk.rows import Request
    from ts_sdk.runtime.in_process import InProcessRunner

_TARGET = "target"


class Shows(Protocol):
    """What a handler may offer, so that its explanations can be drawn."""

    def explained_picture(self, row: Mapping[str, object]) -> Any:  # noqa: ANN401 - a Pillow image, or None
        """The picture in *row* as the model sees it."""

    def explained_words(self, row: Mapping[str, object]) -> Sequence[str]:
        """What the tokens that the model is given for *row* stand for."""


def explain_requests(
    runner: "InProcessRunner",
    requests: "Sequence[Request]",
    targets: Sequence[Wanted],
    wish: Wish,
    precision: Precision,
) -> list[Explanation | RequestError | ExplanationError]:
    """Explain the answer to each request; those that cannot be are answered with why.

    Args:
        runner: Where the handler is.
        requests: The requests.
        targets: What to explain of each; None for what its part ``target`` says, or else the
            prediction.
        wish: How.
        precision: What the model computes in.

    Raises:
        ExplanationError: None of them can be explained in this way.
    """

    def work(handler: Any) -> list[Explanation | RequestError | ExplanationError]:  # noqa: ANN401 - the user's own class
        explainer = explainer_of(handler, precision)
        if wish.method is not None:
            from ts_sdk.explain.methods import refuse

            refuse(wish.method, explainer.form)
        found: list[Explanation | RequestError | ExplanationError] = []
        for request, target in zip(requests, targets, strict=True):
            try:
                found.append(_explained(runner, handler, explainer, request, target, wish))
            except (RequestError, ExplanationError) as error:
                found.append(error)
        return found

    return runner.use(work)


def explainer_of(handler: Any, precision: Precision) -> Explainer:  # noqa: ANN401 - as above
    """What explains the answers of *handler*.

    Raises:
        HandlerContractError: It keeps no torch module in ``self.model``.
    """
    module = getattr(handler, "model", None)
    if not isinstance(module, nn.Module):
        who = "the handler" if handler is None else type(handler).__name__
        raise HandlerContractError(
            f"{who} cannot be explained: keep the torch module that it calls in self.model"
        )
    is_binary = hasattr(handler, "activation")  # a classifier, to which one score is two classes
    return Explainer(module, precision, getattr(handler, "mapping", None), is_binary=is_binary)


def _explained(
    runner: "InProcessRunner",
    handler: Any,  # noqa: ANN401 - as above
    explainer: Explainer,
    request: "Request",
    target: Wanted,
    wish: Wish,
) -> Explanation:
    row = dict(request.parts)
    if target is None:
        target = row.get(_TARGET)  # type: ignore[assignment] # judged where it is read
    with noted(handler.model) as calls:
        (reply,) = runner.run([(str(uuid.uuid4()), _asking_for_an_answer(request))])
    if isinstance(reply.outcome, RequestError):
        raise reply.outcome
    call = only_call(calls)
    explanation = explainer.explain(call, target, wish, prediction=reply.outcome)
    return shown(explanation, handler, row)


def only_call(calls: Sequence[Call]) -> Call:
    """The call that a request led to.

    Raises:
        ExplanationError: There are several, or none.
    """
    if len(calls) == 1:
        return calls[0]
    raise ExplanationError(
        f"the handler called its model {len(calls)} times for this request; what one call answers "
        "can be explained"
    )


def shown(explanation: Explanation, handler: Any, row: Mapping[str, object]) -> Explanation:  # noqa: ANN401 - as above
    """*explanation* with the picture or the words that it is about, as far as they are known."""
    words = _asked(handler, "explained_words", row)
    if words is not None and len(words) == explanation.attributions.shape[0]:
        return replace(explanation, words=words)
    picture = _asked(handler, "explained_picture", row)
    if picture is None:
        return explanation
    height, width = explanation.map.shape[-2:]
    if picture.size != (width, height):
        picture = picture.resize((width, height))
    return replace(explanation, picture=picture)


def _asked(handler: Any, name: str, row: Mapping[str, object]) -> Any:  # noqa: ANN401 - as above
    method = getattr(handler, name, None)
    return None if method is None else method(row)


def _asking_for_an_answer(request: "Request") -> "Request":
    """*request* without the header that asks for the contract's explanation."""
    headers = {name: value for name, value in request.headers.items() if name != "explain"}
    return replace(request, headers=headers)
