"""`Model.explain_batch`: from requests to explanations."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from torch import nn

from ts_sdk.errors import ExplanationError, HandlerContractError, RequestError
from ts_sdk.explain.calls import Call, noted
from ts_sdk.explain.explaining import Explainer, Wish
from ts_sdk.explain.explanation import Explanation
from ts_sdk.explain.regions import Window
from ts_sdk.explain.rereading import rereading
from ts_sdk.explain.targets import Wanted
from ts_sdk.precision import Precision

if TYPE_CHECKING:
    from ts_sdk.rows import Request
    from ts_sdk.runtime.in_process import InProcessRunner

Explained = Explanation | RequestError | ExplanationError
"""What becomes of a question."""
_TARGET = "target"


@dataclass(frozen=True)
class Question:
    """What of the answer to a request is to be explained.

    Attributes:
        request: The request.
        target: The class or object; None for what the request's part ``target`` says, or else the
            prediction.
        region: Of a segmentation, its region; None for the pixels of the target.
    """

    request: "Request"
    target: Wanted = None
    region: Any = None


class Shows(Protocol):
    """What a handler may offer, so that its explanations are about what was sent."""

    def explained_picture(self, row: Mapping[str, object]) -> Any:  # noqa: ANN401 - a Pillow image, or None
        """The picture in *row* as the model sees it."""

    def explained_window(self, row: Mapping[str, object]) -> Any:  # noqa: ANN401 - None where it is not known
        """Size of the picture in *row* and the box in it that the model sees, as in `Window`."""

    def explained_words(self, row: Mapping[str, object]) -> Sequence[str]:
        """What the tokens that the model is given for *row* stand for."""


def explain_requests(
    runner: "InProcessRunner",
    questions: Sequence[Question | RequestError],
    wish: Wish,
    precision: Precision,
) -> list[Explained]:
    """Explain the answer to each request; those that cannot be are answered with why.

    Args:
        runner: Where the handler is.
        questions: The requests, or why they cannot be read.
        wish: How; the regions are those of the questions.
        precision: What the model computes in.

    Raises:
        ExplanationError: None of them can be explained in this way.
    """

    def work(handler: Any) -> list[Explained]:  # noqa: ANN401 - the user's own class
        explainer = explainer_of(handler, runner.context, precision)
        if wish.method is not None:
            from ts_sdk.explain.methods import refuse

            refuse(wish.method, explainer.form)
        found: list[Explained] = []
        for each in questions:
            if isinstance(each, RequestError):
                found.append(each)
                continue
            how = replace(wish, region=each.region)
            try:
                found.append(_explained(runner, handler, explainer, each, how))
            except (RequestError, ExplanationError) as error:
                found.append(error)
        return found

    return runner.use(work)


def explainer_of(handler: Any, context: Any, precision: Precision) -> Explainer:  # noqa: ANN401 - as above
    """What explains the answers of *handler*.

    Args:
        handler: The handler.
        context: Its context.
        precision: What its model computes in.

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
    names = getattr(handler, "mapping", None)
    return Explainer(module, precision, names, is_binary=is_binary, reread=rereading(context))


def _explained(
    runner: "InProcessRunner",
    handler: Any,  # noqa: ANN401 - as above
    explainer: Explainer,
    question: Question,
    wish: Wish,
) -> Explanation:
    row, target = dict(question.request.parts), question.target
    if target is None:
        target = row.get(_TARGET)  # type: ignore[assignment] # judged where it is read
    with noted(handler.model) as calls:
        (reply,) = runner.run([(str(uuid.uuid4()), _asking_for_an_answer(question.request))])
    if isinstance(reply.outcome, RequestError):
        raise reply.outcome
    call = only_call(calls)

    def window() -> Window | None:
        seen = _asked(handler, "explained_window", row)
        return None if seen is None else Window(*seen)

    explanation = explainer.explain(call, target, wish, prediction=reply.outcome, window=window)
    return shown(explanation, handler, row)


def only_call(calls: Sequence[Call]) -> Call:
    """The call that a request led to.

    Raises:
        ExplanationError: There are several, or none.
    """
    if len(calls) == 1:
        return calls[0]
    if not calls:
        raise ExplanationError(
            "the handler did not call self.model for this request: keep the module that answers in "
            "self.model, and call it in the thread that handle() runs in"
        )
    raise ExplanationError(
        f"the handler called its model {len(calls)} times for this request, and what one call "
        "answers can be explained: send each picture or text in a request of its own, with "
        "explain_batch([first, second, ...])"
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
