"""What a case consists of: an archive's files, requests, and what is promised for them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

Content = str | bytes | Callable[[], bytes]
"""What a file holds; a function makes what is too large to write down."""

WORKER_DIED = "Worker died."
"""What TorchServe's frontend says, with status 500, when the handler took its process down."""


@dataclass(frozen=True)
class Sent:
    """One request as it comes over the wire.

    Attributes:
        parts: Name, content type and content of each part.
        headers: The request's headers.
    """

    parts: tuple[tuple[str, str, bytes], ...]
    headers: Mapping[str, str] = field(default_factory=dict)

    def having(self, **headers: str) -> "Sent":
        """The same request with these headers."""
        return Sent(self.parts, {**self.headers, **headers})


@dataclass(frozen=True)
class Reply:
    """What one request is answered.

    Attributes:
        status: HTTP status.
        body: The answer's bytes; of a streamed answer, all pieces joined.
        phrase: Reason phrase.
        headers: Response headers.
        error: What the worker said in place of an answer; the frontend makes the body of it, and
            takes the status's usual phrase.
    """

    status: int = 200
    body: bytes = b""
    phrase: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None

    @classmethod
    def failed(cls, status: int, message: str) -> "Reply":
        """The reply of TorchServe's frontend to an error of its worker's."""
        headers = {"content-type": "application/json"}
        return cls(status, error_body(status, message), headers=headers, error=message)

    @classmethod
    def json(cls, answer: object, status: int = 200, phrase: str = "") -> "Reply":
        """An answer that the worker writes as JSON."""
        return cls(status, json.dumps(answer, indent=2).encode(), phrase)


def error_body(status: int, message: str) -> bytes:
    """What TorchServe's frontend sends for an error of its worker's."""
    told = {"code": status, "type": "InternalServerException", "message": message}
    return f"{json.dumps(told, indent=2, ensure_ascii=False)}\n".encode()


@dataclass(frozen=True)
class Differs:
    """Where we deliberately do otherwise than TorchServe.

    Attributes:
        why: The reason.
        replies: What we promise, for each request of each batch.
    """

    why: str
    replies: Sequence[Sequence[Reply]]


@dataclass(frozen=True)
class Case:
    """An archive and what is sent to it.

    Attributes:
        name: What it shows.
        files: Member → content.
        batches: Requests, in batches.
        handler: The manifest's handler.
        model: More of the manifest's ``model``.
        config: `model-config.yaml`.
        has_manifest: Whether the archive holds the manifest.
        environment: Variables that are set in the worker.
        options: Arguments of `ts_sdk.load`.
        tolerance: How far numbers in the answers may be apart.
        starts: Whether the handler can be started.
        differs: Set where we do otherwise than TorchServe.
    """

    name: str
    files: Mapping[str, Content]
    batches: Sequence[Sequence[Sent]] = ()
    handler: str | None = "handler.py"
    model: Mapping[str, str] = field(default_factory=dict)
    config: str | None = None
    has_manifest: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 0.0
    starts: bool = True
    differs: Differs | None = None

    @property
    def entry(self) -> dict[str, str]:
        """The manifest's ``model``."""
        named = {"modelName": "corpus", "modelVersion": "1.0", **self.model}
        if self.handler is not None:
            named["handler"] = self.handler
        if self.config is not None:
            named["configFile"] = "model-config.yaml"
        return named

    def write(self, folder: Path) -> Path:
        """Write the archive as a folder; returns it."""
        for member, content in self._members().items():
            path = folder / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content() if callable(content) else _bytes_of(content))
        return folder

    @property
    def digest(self) -> str:
        """What the recorded replies depend on, in short; files that are made count by name."""
        members = {
            member: content.__qualname__ if callable(content) else _bytes_of(content).hex()
            for member, content in self._members().items()
        }
        sent = [
            [[[*each[:2], each[2].hex()] for each in one.parts], dict(one.headers)]
            for batch in self.batches
            for one in batch
        ]
        sizes = [len(batch) for batch in self.batches]
        facts = [members, sent, sizes, self.entry, dict(self.environment)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def _members(self) -> dict[str, Content]:
        members = dict(self.files)
        if self.config is not None:
            members["model-config.yaml"] = self.config
        if self.has_manifest:
            manifest = {"runtime": "python", "model": self.entry, "archiverVersion": "0.12.0"}
            members["MAR-INF/MANIFEST.json"] = json.dumps(manifest, indent=2)
        return members


def _bytes_of(content: str | bytes) -> bytes:
    return dedent(content).encode() if isinstance(content, str) else content


def sent(content: bytes | str, content_type: str, part: str = "body") -> Sent:
    """A request of one part."""
    data = content.encode() if isinstance(content, str) else content
    return Sent(((part, content_type, data),))


def text(content: str) -> Sent:
    """A request whose body is text."""
    return sent(content, "text/plain")


def value(content: object, part: str = "body") -> Sent:
    """A request whose body is JSON."""
    return sent(json.dumps(content), "application/json", part)


def binary(content: bytes, part: str = "body") -> Sent:
    """A request whose body is bytes."""
    return sent(content, "application/octet-stream", part)


def form(*parts: tuple[str, str, bytes]) -> Sent:
    """A multipart request: name, content type and content of each part."""
    return Sent(parts)
