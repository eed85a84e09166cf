"""What `Model` needs of the place where a handler runs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ts_sdk.outcomes import Reply
from ts_sdk.rows import Request

if TYPE_CHECKING:
    from ts_sdk.context import Context

Asked = tuple[str, Request]
"""A request and its id, which stays the same however often its batch is run."""

Emit = Callable[[int, Reply], None]
"""Takes a piece of the answer to request *index*, before its last one."""


class Runner(Protocol):
    """Runs one archive's handler; `close` may be called twice."""

    @property
    def handler(self) -> Any:  # noqa: ANN401 - the user's own class
        """The handler's instance; None when it is a module's function, or in another process."""

    @property
    def context(self) -> "Context":
        """The archive's context, shared by all batches."""

    def run(self, asked: Sequence[Asked], emit: Emit | None = None) -> list[Reply]:
        """One reply for each request, in order; errors of requests are among them.

        Args:
            asked: The requests, handled as one batch.
            emit: Takes the pieces of answers that are streamed; None when nobody reads them.

        Raises:
            ModelClosedError: The runner was closed.
        """

    def close(self) -> None:
        """Let go of the handler and of what it holds."""
