"""The handler's context where a request has several rows: one entry for each row."""

from collections.abc import Mapping, Sequence
from typing import Any

from ts_sdk import wishes
from ts_sdk.batch import Batch, current_batch, handling
from ts_sdk.envelopes.base import Answer, BatchContext, HandleFunction
from ts_sdk.errors import RequestError
from ts_sdk.timing import PhaseTimes

_OK = 200


def asks_for(context: BatchContext, position: int, header: str) -> bool:
    """Whether request *position* has *header* set to ``True``; not where the context has none."""
    if not hasattr(context, "get_request_header") or not _knows(context, position):
        return False
    return wishes.asks_for(context, position, header)


def headers_of(context: BatchContext, position: int) -> Mapping[str, Any]:
    """All headers of request *position*, none where the context has none."""
    get = getattr(context, "get_all_request_header", None)
    return get(position) if get is not None and _knows(context, position) else {}


def batch_of(size: int, context: BatchContext) -> Batch:
    """The batch of *size* rows or requests that *context* knows, timed with the running one."""
    outer = current_batch()
    times = PhaseTimes() if outer is None else outer.times
    return Batch(size, context, times, whole=_knows(context, size - 1))


def _knows(context: BatchContext, position: int) -> bool:
    """Whether *context* has a request at *position*; an archive's own has one, a test's none."""
    processors = getattr(context, "request_processor", None)
    return context is not None and (processors is None or position < len(processors))


def view_of_rows(context: BatchContext, owners: Sequence[int]) -> BatchContext:
    """A context in which row *i* is known by the id and the headers of request ``owners[i]``.

    Where the rows are the requests, and where *context* does not know these, that is *context*.
    """
    if not hasattr(context, "for_batch") or not _knows(context, max(owners)):
        return context
    if list(owners) == list(range(len(context.request_processor))):
        return context
    view = context.for_batch(
        [context.get_all_request_header(owner) for owner in owners],
        [context.get_request_id(owner) for owner in owners],
    )
    # Pieces of a streamed answer go to whoever reads the batch's.
    view.cl_socket, view.send_intermediate = context.cl_socket, context.send_intermediate
    return view


def call_handler(
    handle: HandleFunction,
    rows: list[Any],
    view: BatchContext,
    owners: Sequence[int],
    names: Sequence[str],
    context: BatchContext,
) -> Answer:
    """What *handle* answers *rows*; what it tells *view* of a row's response goes to its request.

    Args:
        handle: The handler's function.
        rows: The rows of one or several requests.
        view: The context that the handler is given.
        owners: For each row, the request of *context* that it belongs to.
        names: For each row, what the request's sender calls it.
        context: The context of the batch of requests.

    Raises:
        RequestError: The handler raised it; its index is that of the request.
    """
    batch = batch_of(len(owners), view)
    try:
        with handling(batch):
            answers = handle(rows, view)
    except RequestError as error:
        _blame_request(error, owners, names)
        raise
    if view is not context:
        _carry_back(view, context, owners)
    if batch.rejections and isinstance(answers, list) and len(answers) != batch.size:
        return batch.merge(answers, "handle()")
    return answers


def _blame_request(error: RequestError, owners: Sequence[int], names: Sequence[str]) -> None:
    """Let *error*, which counts rows, count requests."""
    row = error.index
    if row is not None and 0 <= row < len(owners):
        error.index = owners[row]
        told_the_same = error.client_message == error.message
        error.message = f"{names[row]}: {error.message}"
        error.client_message = error.message if told_the_same else error.client_message
    else:
        error.index = owners[0] if len(set(owners)) == 1 else None


def _carry_back(view: BatchContext, context: BatchContext, owners: Sequence[int]) -> None:
    """Give each request the response headers of its rows, and the worst of their statuses."""
    worst: dict[int, tuple[int, str | None]] = {}
    for row, owner in enumerate(owners):
        for name, value in view.get_response_headers(row).items():
            context.set_response_header(owner, name, value)
        code, phrase = view.get_response_status(row)
        code = _OK if code is None else code
        if owner not in worst or code > worst[owner][0]:
            worst[owner] = code, phrase
    for owner, (code, phrase) in worst.items():
        if (code, phrase) != (_OK, None):
            context.set_response_status(code, phrase, owner)
