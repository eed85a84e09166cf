"""Run model archives in your own process: load, predict, and subclass `BaseHandler`.

Importing this package imports no torch; the first name that needs it does.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ts_sdk.cache import ExtractionCache
    from ts_sdk.comparison import Comparison, compare
    from ts_sdk.context import Context, RequestProcessor
    from ts_sdk.conversion import Conversion, convert
    from ts_sdk.errors import (
        CacheError,
        ConfigError,
        ConversionError,
        DeadlineError,
        DeviceUnavailableError,
        ExplanationError,
        HandlerContractError,
        HandlerLoadError,
        LoadError,
        ModelClosedError,
        ModelFormatError,
        NonFiniteOutputError,
        PrecisionError,
        QueueFullError,
        RequestError,
        SdkError,
        UnsafeWeightsError,
        WorkerError,
    )
    from ts_sdk.explain import Explanation
    from ts_sdk.handler import BaseHandler
    from ts_sdk.loader import load
    from ts_sdk.metrics import Metrics
    from ts_sdk.micro_batching import MicroBatching
    from ts_sdk.model import Model
    from ts_sdk.precision import Precision
    from ts_sdk.precision_report import (
        LayerDrift,
        OutputDrift,
        PrecisionReport,
        PrecisionTrial,
        measure_precision,
    )
    from ts_sdk.recording import Recording
    from ts_sdk.responses import Response
    from ts_sdk.rows import Request
    from ts_sdk.runtime.pool.deployment import PooledModel
    from ts_sdk.runtime.pool.pool import Pool
    from ts_sdk.runtime.pool.serving import serve_locally
    from ts_sdk.runtime.pool.stats import PoolStats
    from ts_sdk.timing import PhaseTime, PhaseTimes
    from ts_sdk.tuning import Candidate, Measurement, TuningError, TuningReport, tune

__all__ = [
    "BaseHandler",
    "CacheError",
    "Candidate",
    "Comparison",
    "ConfigError",
    "Context",
    "Conversion",
    "ConversionError",
    "DeadlineError",
    "DeviceUnavailableError",
    "Explanation",
    "ExplanationError",
    "ExtractionCache",
    "HandlerContractError",
    "HandlerLoadError",
    "LayerDrift",
    "LoadError",
    "Measurement",
    "Metrics",
    "MicroBatching",
    "Model",
    "ModelClosedError",
    "ModelFormatError",
    "NonFiniteOutputError",
    "OutputDrift",
    "PhaseTime",
    "PhaseTimes",
    "Pool",
    "PoolStats",
    "PooledModel",
    "Precision",
    "PrecisionError",
    "PrecisionReport",
    "PrecisionTrial",
    "QueueFullError",
    "Recording",
    "Request",
    "RequestError",
    "RequestProcessor",
    "Response",
    "SdkError",
    "TuningError",
    "TuningReport",
    "UnsafeWeightsError",
    "WorkerError",
    "compare",
    "convert",
    "load",
    "measure_precision",
    "serve_locally",
    "tune",
]

_HOMES = {
    "BaseHandler": "handler",
    "Candidate": "tuning",
    "Comparison": "comparison",
    "Context": "context",
    "Conversion": "conversion",
    "Explanation": "explain",
    "ExtractionCache": "cache",
    "LayerDrift": "precision_report",
    "Measurement": "tuning",
    "Metrics": "metrics",
    "MicroBatching": "micro_batching",
    "Model": "model",
    "OutputDrift": "precision_report",
    "PhaseTime": "timing",
    "PhaseTimes": "timing",
    "Pool": "runtime.pool.pool",
    "PoolStats": "runtime.pool.stats",
    "PooledModel": "runtime.pool.deployment",
    "Precision": "precision",
    "PrecisionReport": "precision_report",
    "PrecisionTrial": "precision_report",
    "Recording": "recording",
    "Request": "rows",
    "RequestProcessor": "context",
    "Response": "responses",
    "TuningError": "tuning",
    "TuningReport": "tuning",
    "compare": "comparison",
    "convert": "conversion",
    "load": "loader",
    "measure_precision": "precision_report",
    "serve_locally": "runtime.pool.serving",
    "tune": "tuning",
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
