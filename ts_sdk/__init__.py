"""Run model archives in your own process: load, predict, and subclass `BaseHandler`.

Importing this package imports no torch; the first name that needs it does.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ts_sdk.cache import ExtractionCache
    from ts_sdk.context import Context, RequestProcessor
    from ts_sdk.errors import (
        CacheError,
        ConfigError,
        DeviceUnavailableError,
        HandlerContractError,
        HandlerLoadError,
        LoadError,
        ModelClosedError,
        ModelFormatError,
        NonFiniteOutputError,
        PrecisionError,
        RequestError,
        SdkError,
        UnsafeWeightsError,
        WorkerError,
    )
    from ts_sdk.handler import BaseHandler
    from ts_sdk.loader import load
    from ts_sdk.metrics import Metrics
    from ts_sdk.micro_batching import MicroBatching
    from ts_sdk.model import Model
    from ts_sdk.precision import Precision
    from ts_sdk.responses import Response
    from ts_sdk.rows import Request
    from ts_sdk.timing import PhaseTime, PhaseTimes

__all__ = [
    "BaseHandler",
    "CacheError",
    "ConfigError",
    "Context",
    "DeviceUnavailableError",
    "ExtractionCache",
    "HandlerContractError",
    "HandlerLoadError",
    "LoadError",
    "Metrics",
    "MicroBatching",
    "Model",
    "ModelClosedError",
    "ModelFormatError",
    "NonFiniteOutputError",
    "PhaseTime",
    "PhaseTimes",
    "Precision",
    "PrecisionError",
    "Request",
    "RequestError",
    "RequestProcessor",
    "Response",
    "SdkError",
    "UnsafeWeightsError",
    "WorkerError",
    "load",
]

_HOMES = {
    "BaseHandler": "handler",
    "Context": "context",
    "ExtractionCache": "cache",
    "Metrics": "metrics",
    "MicroBatching": "micro_batching",
    "Model": "model",
    "PhaseTime": "timing",
    "PhaseTimes": "timing",
    "Precision": "precision",
    "Request": "rows",
    "RequestProcessor": "context",
    "Response": "responses",
    "load": "loader",
}
"""Where a name is defined; names that are not here are errors."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
