"""Which of a handler's steps are its own."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ts_sdk.handler import BaseHandler

Step = Literal["handle", "preprocess", "inference", "postprocess"]


def is_default(handler: "BaseHandler", *steps: Step) -> bool:
    """Whether all of *steps* are `BaseHandler`'s, neither overridden nor replaced."""
    from ts_sdk.handler import BaseHandler

    return all(
        getattr(getattr(handler, step), "__func__", None) is vars(BaseHandler)[step]
        for step in steps
    )
