"""`SentBatch`: the requests that a caller hands over, read, and their way to a handler and back."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ts_sdk.errors import RequestError
from ts_sdk.outcomes import Reply, at
from ts_sdk.rows import Request, decode, note_path_sent_as_text

if TYPE_CHECKING:
    from ts_sdk.runtime.runner import Emit, Runner


@dataclass(frozen=True)
class SentBatch:
    """The requests of a batch.

    Attributes:
        requests: Each as it was read, or why it cannot be.
    """

    requests: Sequence[Request | RequestError]

    @classmethod
    def read(cls, given: Iterable[object], call: str) -> Self:
        """Read what a caller hands over.

        Args:
            given: The requests, each as for `Model.predict`.
            call: The method that was called, without ``_batch``.

        Raises:
            TypeError: It is one request, and no list of them.
        """
        if isinstance(given, str | bytes | bytearray | memoryview | Mapping) or not isinstance(
            given, Iterable
        ):
            raise TypeError(
                f"{call}_batch() takes a list of requests, not one {type(given).__name__}; "
                f"{call}() takes one request"
            )
        return cls([_decoded(index, one) for index, one in enumerate(given)])

    def answered_by(self, runner: "Runner", emit: "Emit | None") -> list[Reply]:
        """One reply for each; those that cannot be read never reach the handler."""
        good = [index for index, one in enumerate(self.requests) if isinstance(one, Request)]
        asked = [
            (str(uuid.uuid4()), request)
            for request in self.requests
            if isinstance(request, Request)
        ]
        replies = dict(zip(good, runner.run(asked, _renumbered(emit, good)), strict=True))
        for index, one in enumerate(self.requests):
            if isinstance(one, RequestError):
                replies[index] = Reply.of_error(one)
            elif isinstance(replies[index].outcome, RequestError):
                note_path_sent_as_text(replies[index].outcome, one)
                at(replies[index].outcome, index)
        return [replies[index] for index in range(len(self.requests))]


def request_of(
    given: object,
    content_type: str | None,
    headers: Mapping[str, str] | None,
    parts: Mapping[str, object] | None,
) -> object:
    """What `Model.predict` is given, with what belongs to it."""
    if content_type is None and headers is None and parts is None:
        return given
    if isinstance(given, Request):
        raise TypeError("a Request has its own content types, headers and parts: set them there")
    return Request.sent(given, content_type=content_type, headers=headers, parts=parts)


def _decoded(index: int, given: object) -> Request | RequestError:
    try:
        return decode(given)
    except RequestError as error:
        error.index = index
        return error


def _renumbered(emit: "Emit | None", positions: Sequence[int]) -> "Emit | None":
    """*emit* for a runner that was given the requests at *positions* only."""
    if emit is None:
        return None
    return lambda index, piece: emit(positions[index], piece)
