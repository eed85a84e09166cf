"""What became of a case, on either side, and how two of them are compared."""

import base64
import io
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from torchserve_corpus.case import Case, Reply

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID_IN_BYTES = re.compile(_ID.pattern.encode())
_HOST_AND_TIME = re.compile(r"#hostname:[^,]*,\d+")
_DURATION = re.compile(r"^(\[METRICS\](?:HandlerTime|PredictionTime|ts_handler_\w+)\.\w+:)[\d.e-]+")
_ZIP = b"PK"


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        starts: Whether the handler was started.
        replies: The replies to each batch.
        metrics: Lines of metrics: those of the start, then those of each batch. Durations, host,
            time and request ids are replaced by words.
    """

    starts: bool
    replies: list[list[Reply]]
    metrics: list[list[str]]

    def to_json(self) -> dict[str, Any]:
        """The same for a JSON file."""
        if not self.starts:
            return {"starts": False}
        replies = [[_reply_to_json(each) for each in batch] for batch in self.replies]
        return {"replies": replies, "metrics": self.metrics}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Outcome":
        """What `to_json` made."""
        replies = [[_reply_from_json(each) for each in batch] for batch in found.get("replies", [])]
        return cls(found.get("starts", True), replies, found.get("metrics", []))


def is_sample(line: str) -> bool:
    """Whether a line of the log is a sample of a metric, and no complaint about one."""
    return line.startswith("[METRICS]") and "|#type:" in line


def of_worker(result: dict[str, Any]) -> Outcome:
    """What the program ``tests/torchserve/original.py`` tells of a case."""
    if result["load_error"] is not None:
        return Outcome(starts=False, replies=[], metrics=[])
    replies = [[_reply_of_worker(each) for each in batch] for batch in result["replies"]]
    metrics = [normalised(list(filter(is_sample, lines))) for lines in result["metrics"]]
    return Outcome(starts=True, replies=replies, metrics=metrics)


def without_ids(body: bytes) -> bytes:
    """A body in which words stand for request ids."""
    return _ID.sub("REQUEST-ID", body.decode()).encode() if _ID_IN_BYTES.search(body) else body


def normalised(lines: list[str]) -> list[str]:
    """Lines of metrics without what differs from run to run.

    The request ids are numbered as they follow each other in the line that names most of them,
    which is that of the whole batch.
    """
    named = max((_ID.findall(line) for line in lines), key=len, default=[])
    numbers = {each: f"request{number}" for number, each in enumerate(dict.fromkeys(named))}
    return [_normalised(line, numbers) for line in lines]


def _normalised(line: str, numbers: dict[str, str]) -> str:
    line = _HOST_AND_TIME.sub("#hostname:HOST,TIME", line.strip())
    line = _ID.sub(lambda found: numbers.get(found[0], "other"), line)
    return _DURATION.sub(r"\1MS", line)


def unmet(case: Case, theirs: Outcome, found: Outcome) -> list[str]:
    """In what *found* breaks our promise to do as TorchServe, or what we promise in its place."""
    if case.differs is None:
        return differences(theirs, found, case.tolerance)
    promised = Outcome(True, list(map(list, case.differs.replies)), found.metrics)
    return differences(promised, found, case.tolerance)


def differences(expected: Outcome, found: Outcome, tolerance: float = 0.0) -> list[str]:
    """In what *found* is not as *expected*, a line each."""
    if expected.starts != found.starts:
        return [f"starts: expected {expected.starts}, found {found.starts}"]
    told = []
    for number, (wanted, got) in enumerate(zip(expected.replies, found.replies, strict=True)):
        for index, (one, other) in enumerate(zip(wanted, got, strict=True)):
            told += [
                f"batch {number}, request {index}: {each}" for each in apart(one, other, tolerance)
            ]
    for number, (lines, others) in enumerate(zip(expected.metrics, found.metrics, strict=True)):
        if lines != others:
            step = f"batch {number - 1}" if number else "start"
            told.append(f"{step}, metrics:\n  expected {lines}\n  found    {others}")
    return told


def apart(wanted: Reply, got: Reply, tolerance: float = 0.0) -> list[str]:
    """In what two replies differ."""
    told = [
        f"{name}: expected {getattr(wanted, name)!r}, found {getattr(got, name)!r}"
        for name in ("status", "phrase", "headers", "error")
        if getattr(wanted, name) != getattr(got, name)
    ]
    if not _same_bodies(wanted.body, got.body, tolerance):
        told.append(f"body: expected {wanted.body[:300]!r}, found {got.body[:300]!r}")
    return told


def _same_bodies(wanted: bytes, got: bytes, tolerance: float) -> bool:
    if wanted == got:
        return True
    if wanted.startswith(_ZIP) and got.startswith(_ZIP):
        return _same_tensors(wanted, got)
    if not tolerance:
        return False
    try:
        return _near(json.loads(wanted), json.loads(got), tolerance)
    except ValueError:
        return False


def _same_tensors(wanted: bytes, got: bytes) -> bool:
    """Whether both are the same tensor; each release of torch writes it in its own way."""
    import torch

    one, other = (torch.load(io.BytesIO(each), weights_only=True) for each in (wanted, got))
    same: bool = one.dtype == other.dtype and torch.equal(one, other)
    return same


def _near(one: object, other: object, tolerance: float) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        # The order counts: the most probable class stands first.
        return list(one) == list(other) and all(
            _near(one[key], other[key], tolerance) for key in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            _near(*pair, tolerance) for pair in zip(one, other, strict=True)
        )
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=0, abs_tol=tolerance)
    return one == other


def _reply_of_worker(reply: dict[str, Any]) -> Reply:
    if "error" in reply:
        return Reply.failed(reply["status"], reply["error"])
    body = b"".join(map(base64.b64decode, reply["pieces"]))
    return Reply(reply["status"], without_ids(body), reply["phrase"], reply["headers"])


def _reply_to_json(reply: Reply) -> dict[str, Any]:
    if reply.error is not None:
        return {"status": reply.status, "error": reply.error}
    told: dict[str, Any] = {"body": _text_of(reply.body)}
    if reply.status != Reply.status:
        told["status"] = reply.status
    if reply.phrase:
        told["phrase"] = reply.phrase
    if reply.headers:
        told["headers"] = dict(reply.headers)
    return told


def _reply_from_json(told: dict[str, Any]) -> Reply:
    if "error" in told:
        return Reply.failed(told["status"], told["error"])
    body = told["body"]
    data = body.encode() if isinstance(body, str) else base64.b64decode(body["base64"])
    return Reply(told.get("status", 200), data, told.get("phrase", ""), told.get("headers", {}))


def _text_of(body: bytes) -> str | dict[str, str]:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
