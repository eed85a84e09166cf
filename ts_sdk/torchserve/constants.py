"""What TorchServe's modules hold as constants."""

import importlib.util
import re

from ts_sdk.metrics.units import Units

PROFILER_AVAILABLE = PT2_AVAILABLE = PT230_AVAILABLE = True
"""What every torch that is supported here can do."""

IPEX_AVAILABLE = XLA_AVAILABLE = False
"""Whether models are run by Intel's extension or on XLA devices, which nothing here does."""

CLEANUP_REGEX = re.compile(r"<.*?>|&(?:[a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});")
"""Tags and entities of HTML, as text handlers remove them."""

METRIC_UNIT = Units()


def __getattr__(name: str) -> bool:
    if name == "ONNX_AVAILABLE":  # looked for when it is asked for
        return importlib.util.find_spec("onnxruntime") is not None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
