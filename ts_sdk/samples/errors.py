"""What goes wrong with stored requests, samples and golden answers."""

from ts_sdk.errors import SdkError


class SampleError(SdkError):
    """A stored request, a sample or a golden answer cannot be read or written."""
