"""What a program and a handler's process tell each other, beyond the messages' outline.

A batch is told as one part for whether pieces are wanted, then one for each request. Its replies
are one part of notes, then one for each request.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ts_sdk.cache.leases import Lease
from ts_sdk.errors import HandlerContractError, RequestError
from ts_sdk.metrics import MetricTypes, Sample
from ts_sdk.outcomes import Reply
from ts_sdk.responses import CANNOT_SERIALISE
from ts_sdk.rows import Request
from ts_sdk.runtime.channel import Unreadable
from ts_sdk.runtime.failures import Failure, put_together, take_apart
from ts_sdk.runtime.pickling import Foreign, Packed, pack

if TYPE_CHECKING:
    from archiver import Archive, Manifest
    from ts_sdk.runtime.runner import Asked
    from ts_sdk.starting import LoadOptions

_ADVICE = "return bytes, text, numbers, lists, dicts, arrays or tensors from postprocess()"


@dataclass(frozen=True)
class OpenedArchive:
    """What is known of an archive that was opened and extracted elsewhere.

    Attributes:
        path: Where it was.
        form: ``"folder"`` for a folder of sources; ``"extracted"`` for anything else, which may be
            gone or have become another by the time that a process starts.
        manifest: Its manifest, or what was assumed in its place.
        has_manifest: Whether there is a MANIFEST.json.
    """

    path: Path
    form: Literal["folder", "extracted"]
    manifest: "Manifest"
    has_manifest: bool


class HeldFolder:
    """Stands for the cache where it is known already where an archive was extracted to.

    Attributes:
        folder: The archive's members; the program keeps them from being removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lease(self, archive: "Archive", *, without: Collection[str] = ()) -> Lease:
        """The folder, which has all of *archive*."""
        del archive, without
        return Lease(self.folder, hit=True)


@dataclass(frozen=True)
class Start:
    """What a worker is to run, and how.

    Attributes:
        archive: The archive.
        folder: Where its members are.
        options: The caller's wishes.
        python_path: ``PYTHONPATH`` of the processes that the handler starts.
        log_level: The lowest level of log records that are of interest.
        startup_timeout_s: The longest time that starting may take, None for any.
        response_timeout_s: The longest time that a batch may take, None for any.
    """

    archive: OpenedArchive
    folder: Path
    options: "LoadOptions"
    python_path: str
    log_level: int
    startup_timeout_s: float | None
    response_timeout_s: float | None


@dataclass(frozen=True)
class Notes:
    """What was measured since the last message.

    Attributes:
        samples: Samples of metrics.
        phases: Phases of the work, and the milliseconds that each took.
    """

    samples: "list[Sample]" = field(default_factory=list)
    phases: list[tuple[str, float]] = field(default_factory=list)

    def __reduce__(self) -> tuple[object, ...]:
        # Pickled as they are, the samples would take longer than the answer.
        return _notes, ([_fields_of(sample) for sample in self.samples], self.phases)


@dataclass(frozen=True)
class Ready:
    """What a worker says when its handler has started.

    Attributes:
        device: Where the model runs.
        precision: What it computes in.
        properties: `Context.system_properties`, as far as they can be pickled.
        concurrent: Whether batches may be handled at the same time.
        notes: What was measured.
    """

    device: str
    precision: str
    properties: dict[str, object]
    concurrent: bool
    notes: Notes


def _notes(samples: list[tuple[Any, ...]], phases: list[tuple[str, float]]) -> Notes:
    return Notes(list(starmap(_sample, samples)), phases)


def _fields_of(sample: Sample) -> tuple[Any, ...]:
    about = sample.dimensions, sample.request_id, sample.timestamp, sample.buckets
    return sample.name, sample.value, sample.unit, sample.type.value, *about


def _sample(name: str, value: float, unit: str, kind: str, *rest: Any) -> Sample:  # noqa: ANN401 - dimensions, id, time and buckets
    return Sample(name, value, unit, MetricTypes(kind), *rest)


def pack_request(asked: "Asked") -> Packed | RequestError:
    """One request, or why it cannot be sent."""
    number, request = asked
    told = (number, dict(request.parts), dict(request.headers), dict(request.content_types))
    try:
        return pack(told)
    except Exception as error:  # noqa: BLE001 - whatever the value's class raises
        refused = RequestError(
            f"the request cannot be sent to the handler's process: {error}; send bytes, text, "
            "JSON values, arrays or tensors"
        )
        refused.__cause__ = error
        return refused


def request_in(part: Any) -> "Asked | RequestError":  # noqa: ANN401 - what was received
    """The request that was packed as *part*, or why it cannot be read."""
    if isinstance(part, Unreadable):
        return RequestError(
            "the handler's process cannot read the request: "
            f"{type(part.error).__name__}: {part.error}; send values of classes that it can import"
        )
    number, parts, headers, content_types = part
    return number, Request(parts, headers, content_types)


def pack_reply(reply: Reply, foreign: Foreign) -> Packed:
    """One reply; in place of an answer that cannot be sent, an error that says why."""
    try:
        if isinstance(reply.outcome, RequestError):
            return pack((take_apart(reply.outcome, foreign), *_response_of(reply)), foreign)
        return pack((reply.outcome, *_response_of(reply)), foreign)
    except Exception as error:  # noqa: BLE001 - whatever the answer's class raises
        refused = Reply.of_error(_contract_error(f"cannot leave the handler's process: {error}"))
        return pack((take_apart(refused.outcome), *_response_of(refused)))


def reply_in(part: Any) -> Reply:  # noqa: ANN401 - what was received
    """The reply that was packed as *part*."""
    if isinstance(part, Unreadable):
        why = f"cannot be read outside of the handler's process: {part.error}"
        return Reply.of_error(_contract_error(why))
    outcome, *response = part
    if isinstance(outcome, Failure):
        outcome = put_together(outcome)
    return Reply(outcome, *response)


def _response_of(reply: Reply) -> tuple[int, str, Mapping[str, str], bool]:
    return reply.status, reply.phrase, dict(reply.headers), reply.is_answered


def _contract_error(why: str) -> HandlerContractError:
    return HandlerContractError(
        f"the answer {why}; {_ADVICE}, or load with isolation='archive'",
        client_message=CANNOT_SERIALISE,
    )
