"""What goes wrong with recorded requests."""

from ts_sdk.errors import SdkError


class RecordingError(SdkError):
    """Requests cannot be recorded in a folder, or what was recorded cannot be read."""
