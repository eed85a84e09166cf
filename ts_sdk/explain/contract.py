"""`get_insights` of the default handlers: the explanations of TorchServe's contract."""

from typing import Any

from ts_sdk.errors import ExplanationError, RequestError
from ts_sdk.explain.calls import noted
from ts_sdk.explain.explaining import Wish
from ts_sdk.explain.explanation import Explanation
from ts_sdk.explain.options import options_of
from ts_sdk.explain.requests import explainer_of, only_call
from ts_sdk.precision import Precision

STEPS = 15
"""Of the integral, in TorchServe's handlers."""


def insights(handler: Any, data: Any, target: Any) -> Explanation:  # noqa: ANN401 - the contract's values
    """Explain what *handler* answers to *data*, by the best method that is right for its model.

    Args:
        handler: One of the default handlers.
        data: What its `preprocess` made of one request.
        target: The class's number or name.

    Raises:
        RequestError: There is no such class, or the answer cannot be explained.
    """
    properties = getattr(handler.context, "system_properties", {})
    precision = Precision.parse(properties.get("precision") or Precision.FLOAT32)
    try:
        explainer = explainer_of(handler, handler.context, precision)
        with noted(handler.model) as calls:
            handler.inference(data)
        call = only_call(calls)
        return explainer.explain(call, target, Wish(options=options_of(steps=STEPS)))
    except ExplanationError as error:
        raise RequestError(f"this request cannot be explained: {error}") from error
