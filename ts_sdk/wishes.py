"""What a request asks for besides a prediction: headers that TorchServe's frontend sets."""

from collections.abc import Mapping
from typing import Any, Final, Literal

Wish = Literal["description", "explanation"]
DESCRIPTION: Final = "description"
EXPLANATION: Final = "explanation"

_YES = "True"


def wish_of(context: Any, index: int) -> Wish | None:  # noqa: ANN401 - ours, or that of another server
    """What request *index* asks for, None for a prediction."""
    if asks_for(context, index, "describe"):
        return DESCRIPTION
    return EXPLANATION if asks_for(context, index, "explain") else None


def asks_for(context: Any, index: int, header: str) -> bool:  # noqa: ANN401 - as above
    """Whether request *index* has *header* set to ``True``."""
    return context is not None and context.get_request_header(index, header) in (_YES, True)


def target_in(row: Any) -> Any:  # noqa: ANN401 - a row holds what was sent
    """The class to explain that *row* names in its part ``target``; 0 when it names none.

    A multipart form sends it as bytes, a JSON body as a number; a text that is no number is handed
    on as it is.
    """
    target = row.get("target") if isinstance(row, Mapping) else None
    if isinstance(target, bytes | bytearray):
        target = target.decode(errors="replace")
    if isinstance(target, str):
        text = target.strip()
        return int(text) if text.removeprefix("-").isdecimal() else text or 0
    return 0 if target is None else target
