"""Answers drawn on what was sent: the handler's own `draw` is asked for it."""

from typing import TYPE_CHECKING, Any

from ts_sdk.errors import HandlerContractError
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
        HandlerContractError: It draws nothing.
        RequestError: The request holds nothing to draw on.
    """
    draw = getattr(handler, "draw", None)
    if draw is None:
        who = "the handler" if handler is None else type(handler).__name__
        raise HandlerContractError(
            f"{who} cannot draw its answers: give its class a method draw(answer, row) that "
            "returns a Pillow image, and run it in this process (isolation='archive')"
        )
    from PIL import Image

    drawn = draw(answer, dict(decode(given).parts))
    if not isinstance(drawn, Image.Image):
        raise HandlerContractError(
            f"{type(handler).__name__}.draw() returned a {type(drawn).__name__}, not a Pillow image"
        )
    return drawn
