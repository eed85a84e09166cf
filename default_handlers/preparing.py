"""The pictures of a batch: read from its requests, prepared in threads, and found again later."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from default_handlers.inputs import sent_in
from default_handlers.pictures import is_strip
from default_handlers.placement import Placement
from ts_sdk.batch import current_batch
from ts_sdk.errors import RequestError

_NOTE = "pictures"
_WORTH_THREADS_BYTES = 1 << 16
"""How many bytes of encoded pictures take longer to decode than threads take to start."""


class Prepared(NamedTuple):
    """One picture's share of the batch.

    Attributes:
        tensor: A crop that is still to be normalised, or a tensor that is ready.
        placement: Where the crop lies in the picture; None where that is not known.
        is_crop: Whether it is still to be normalised.
        is_sent: Whether the request held it as a tensor.
    """

    tensor: torch.Tensor
    placement: Placement | None = None
    is_crop: bool = False
    is_sent: bool = False


class PreparedRequest(NamedTuple):
    """The pictures of one request.

    Attributes:
        pictures: One, unless it is one that may hold several.
        is_several: Whether it may hold several, and so is answered with a list.
    """

    pictures: list[Prepared]
    is_several: bool


@dataclass
class Pictures:
    """What is known later of the pictures of a batch, in the order in which the model has them.

    Attributes:
        placements: Where what the model sees lies in each; None where that is not known.
        sent_shapes: The shape of each that came as a tensor; None for all others.
        rows: The request that each belongs to, counted among those that were not rejected.
        is_several: For each of these requests, whether it has a list of answers.
    """

    placements: list[Placement | None] = field(default_factory=list)
    sent_shapes: list[tuple[int, ...] | None] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    is_several: list[bool] = field(default_factory=list)

    def add(self, request: PreparedRequest) -> None:
        """Take note of one more request."""
        for picture in request.pictures:
            self.placements.append(picture.placement)
            self.sent_shapes.append(tuple(picture.tensor.shape) if picture.is_sent else None)
            self.rows.append(len(self.is_several))
        self.is_several.append(request.is_several)

    def by_request(self, answers: Sequence[Any]) -> list[Any]:
        """One answer a request, of one *answer* a picture."""
        joined: list[Any] = [[] for _ in self.is_several]
        for row, answer in zip(self.rows, answers, strict=True):
            joined[row].append(answer)
        return [
            each if is_several else each[0]
            for each, is_several in zip(joined, self.is_several, strict=True)
        ]


def note(pictures: Pictures) -> None:
    """Keep what is known of the pictures for the later phases of the running batch."""
    batch = current_batch()
    if batch is not None:
        batch.notes[_NOTE] = pictures


def pictures_of_batch() -> Pictures | None:
    """What is known of the running batch's pictures; None outside of one."""
    batch = current_batch()
    return None if batch is None else batch.notes.get(_NOTE)


def refusal_of_tensor(error: Exception, place: int | None) -> RequestError | None:
    """What a model's *error* is for whoever sent the tensor that it was given.

    Args:
        error: What the model raised.
        place: Which picture of the batch it was given, None for all of them.

    Returns:
        Why the request is refused; None where it was a picture of ordinary shape, or one of several
        inputs.
    """
    batch, pictures = current_batch(), pictures_of_batch()
    if batch is None or pictures is None or (place is None and len(pictures.rows) != 1):
        return None
    wanted = _what_the_model_wants(pictures, place or 0)
    if wanted is None:
        return None
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return RequestError(
        f"the model cannot take {wanted[0]} ({reason}); send {wanted[1]}",
        # Told only where it means the same in the batch and in what is left of it.
        index=pictures.rows[place or 0] if len(batch.rows) == batch.size else None,
    )


def _what_the_model_wants(pictures: Pictures, place: int) -> tuple[str, str] | None:
    """What a picture was, and what to send in its place; None where it is not to blame."""
    shape, placement = pictures.sent_shapes[place], pictures.placements[place]
    if shape is not None:
        return (
            f"the tensor of shape {shape} that was sent",
            "one that is prepared as the model wants it, or a picture",
        )
    if placement is not None and is_strip(placement.size):
        width, height = placement.size
        return f"a picture of {width} x {height} pixels", "one that is less of a strip"
    return None


def prepared_requests(
    rows: Sequence[Any],
    prepare: Callable[[Any], Prepared],
    check_count: Callable[[int], None],
    threads: int,
) -> list[PreparedRequest | RequestError]:
    """Read and prepare the pictures of a batch.

    Args:
        rows: One a request.
        prepare: Makes a picture's share of the batch of what was sent; it is called in threads.
        check_count: Refuses a request with too many pictures.
        threads: How many of them at most.

    Returns:
        For each request its pictures, or why it is refused.
    """
    requests = [_read(row, check_count) for row in rows]
    values = [value for each in requests if not isinstance(each, RequestError) for value, _ in each]
    prepared = iter(_in_threads(prepare, values, threads))
    return [
        each
        if isinstance(each, RequestError)
        else _joined([(next(prepared), name) for _, name in each])
        for each in requests
    ]


def _read(
    row: Any,  # noqa: ANN401 - a row holds what was sent
    check_count: Callable[[int], None],
) -> list[tuple[Any, str | None]] | RequestError:
    """Each value in a row with what it is called when it is refused; None for a single one."""
    try:
        sent = sent_in(row)
        if sent.names is None:
            return [(sent.values[0], None)]
        check_count(len(sent.values))
    except RequestError as error:
        return error
    return list(zip(sent.values, sent.names, strict=True))


def _joined(
    pictures: Sequence[tuple[Prepared | RequestError, str | None]],
) -> PreparedRequest | RequestError:
    good: list[Prepared] = []
    for picture, name in pictures:
        if isinstance(picture, RequestError):
            told = picture.message if name is None else f"{name}: {picture.message}"
            return RequestError(told, status=picture.status)
        good.append(picture)
    return PreparedRequest(good, is_several=pictures[0][1] is not None)


def _in_threads(
    prepare: Callable[[Any], Prepared], values: Sequence[Any], threads: int
) -> list[Prepared | RequestError]:
    """What *prepare* makes of each value, or why it refuses it.

    Decoding and resizing let go of the interpreter's lock, so that threads share the work among
    the processor's cores.
    """

    def attempt(value: Any) -> Prepared | RequestError:  # noqa: ANN401 - as above
        try:
            return prepare(value)
        except RequestError as error:
            return error

    encoded = [len(each) for each in values if isinstance(each, bytes | bytearray | str)]
    threads = min(threads, len(encoded))
    if threads < 2 or sum(encoded) < _WORTH_THREADS_BYTES:  # noqa: PLR2004 - one is no help
        return [attempt(value) for value in values]
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        return list(pool.map(attempt, values))
