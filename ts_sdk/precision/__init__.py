"""Half precision: words for it, and a module that computes in it for callers in float32."""

from ts_sdk.precision.converting import set_precision
from ts_sdk.precision.words import Precision

__all__ = ["Precision", "set_precision"]
