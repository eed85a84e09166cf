"""What goes wrong with profiles."""

from ts_sdk.errors import SdkError


class ProfilingError(SdkError):
    """An archive cannot be profiled in this way; the message says what to do."""
