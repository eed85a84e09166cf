"""The answer that a test expects, in a file of its own."""

import json
import os
from pathlib import Path

from ts_sdk.recording.errors import RecordingError
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.json_text import json_text
from ts_sdk.samples.kept_answers import answer_from_json, answer_to_json
from ts_sdk.working_directory import from_program


def write_answer(answer: object, path: Path) -> None:
    """Write *answer* to the new file *path*.

    Raises:
        SampleError: It holds something that cannot be kept.
        OSError: The file cannot be written.
    """
    path.write_text(f"{json_text(answer_to_json(answer), indent=2)}\n", "utf-8")


def read_answer(path: str | os.PathLike[str]) -> object:
    """The answer that `write_tests` has written to a file.

    Args:
        path: The file, ``answer.recorded.json``.

    Raises:
        RecordingError: It cannot be read.
    """
    try:
        return answer_from_json(json.loads(from_program(path).read_text("utf-8")))
    except (OSError, ValueError, RecursionError, SampleError) as error:
        raise RecordingError(f"the answer in {path} cannot be read: {error}") from error
