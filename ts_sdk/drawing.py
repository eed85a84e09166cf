"""Answers drawn on what was sent: the handler's own `draw` is asked for it."""

from typing import TYPE_CHECKING, Any

from ts_sdk.errors import HandlerContractError, RequestError
from ts_sdk.rows import decode

if TYPE_CHECKING:
    from PIL import Image


def draw_answer(handler: Any, answer: object, given: object) -> "Image.Image":  # noqa: ANN401 - the user's own class
    """What *handler* draws.

    Args:
        handler: The handler; None when it is a module's function, or in another process.
        answer: What it answered to one request.
        given: The request, as for `Model.predict`.

    Raises:
        HandlerContractError: It draws nothing, or fails.
        RequestError: The request holds nothing to draw on.
    """
    draw = getattr(handler, "draw", None)
    if draw is None:
        raise HandlerContractError(_no_method(handler))
    from PIL import Image

    try:
        drawn = draw(answer, dict(decode(given).parts))
    except RequestError:
        raise
    except Exception as error:  # the user's own code raises anything
        raise HandlerContractError(
            f"{type(handler).__name__}.draw() failed: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(drawn, Image.Image):
        raise HandlerContractError(
            f"{type(handler).__name__}.draw() returned a {type(drawn).__name__}, not a Pillow image"
        )
    return drawn


def _no_method(handler: object) -> str:
    """Why *handler* does not draw, and what to do."""
    method = "a method draw(answer, row) that returns a Pillow image"
    if handler is None:
        return (
            "the handler cannot draw its answers: it is a function of a module, or runs in a "
            f"process of its own; only a class in this process can: give it {method}, and load it "
            "with isolation='archive' (--isolation archive)"
        )
    kinds = "image_classifier, image_segmenter, object_detector and text_classifier"
    return (
        f"{type(handler).__name__} cannot draw its answers: give it, or a subclass of it, "
        f"{method}; {kinds} have one"
    )
