"""Sample requests, as archives and folders keep them, and the golden answers to them.

Importing this package imports no torch.
"""

from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.golden import GoldenResult, compare_with_goldens, record_goldens
from ts_sdk.samples.golden_file import Golden, GoldenError
from ts_sdk.samples.sample import Sample, read_samples, samples_of
from ts_sdk.samples.stored import read_request, write_request

__all__ = [
    "Golden",
    "GoldenError",
    "GoldenResult",
    "Sample",
    "SampleError",
    "compare_with_goldens",
    "read_request",
    "read_samples",
    "record_goldens",
    "samples_of",
    "write_request",
]
