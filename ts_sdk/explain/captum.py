"""Captum, imported when the first explanation is asked for."""

import importlib
from typing import Any

from ts_sdk.errors import ExplanationError


def attr() -> Any:  # noqa: ANN401 - a module without types
    """`captum.attr`.

    Raises:
        ExplanationError: Captum is not installed.
    """
    return _imported("captum.attr")


def metrics() -> Any:  # noqa: ANN401 - as above
    """`captum.metrics`."""
    return _imported("captum.metrics")


def _imported(name: str) -> Any:  # noqa: ANN401 - as above
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExplanationError(
            f"explanations are made by Captum, which cannot be imported ({error}): "
            "pip install 'ts-sdk[explain]'"
        ) from error
