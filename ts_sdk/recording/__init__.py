"""Keep requests as they come, replay them later, and make tests of them.

``ts_sdk.load(..., record=...)`` keeps them; this package is what reads them again. Importing it
imports no torch.
"""

from ts_sdk.recording.answers import read_answer
from ts_sdk.recording.errors import RecordingError
from ts_sdk.recording.failures import RecordedFailure
from ts_sdk.recording.recorded import Recorded, read_recorded
from ts_sdk.recording.replaying import Replayed, Verdict, replay
from ts_sdk.recording.settings import Recording
from ts_sdk.recording.written_tests import write_tests

__all__ = [
    "Recorded",
    "RecordedFailure",
    "Recording",
    "RecordingError",
    "Replayed",
    "Verdict",
    "read_answer",
    "read_recorded",
    "replay",
    "write_tests",
]
