"""What goes wrong with tuning."""

from ts_sdk.errors import SdkError


class TuningError(SdkError):
    """An archive cannot be tuned in this way; the message says what to do."""
