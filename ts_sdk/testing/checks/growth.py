"""Promises about a handler that answers for a long time."""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import PromiseBroken, check
from ts_sdk.testing.watching.growth import Footprint

if TYPE_CHECKING:
    from ts_sdk.model import Model

_REQUESTS = 1000
_WINDOWS = 4
_WARM_UP = 50
_MOST_SECONDS = 60.0
"""A handler that takes longer for the requests is judged by those that it has answered then."""

_OBJECTS_PER_REQUEST = 0.5
"""Fewer than this is no leak at each request."""

_LEAK_BYTES = 4 << 10
"""Memory for each request that no allocator's habits explain."""

_SLACK_BYTES = 24 << 20


@check(deep=True)
def check_nothing_grows_over_a_thousand_requests(case: HandlerCase) -> None:
    """After 1,000 more requests the process holds no more than before.

    Look for lists and caches that only grow, threads and files that are opened for each request and
    not closed, and outputs that are kept with their gradients.
    """
    with case.load() as model:
        _ask(case, model, _WARM_UP)
        footprints = [Footprint.now()]
        asked = []
        for _ in range(_WINDOWS):
            asked.append(_ask(case, model, _REQUESTS // _WINDOWS))
            footprints.append(Footprint.now())
    _judge(footprints, asked)


def _judge(footprints: Sequence[Footprint], asked: Sequence[int]) -> None:
    """Find what has grown in every window: what is made once, or kept up to a bound, is no leak."""
    growth = [after - before for before, after in pairwise(footprints)]
    total = footprints[-1] - footprints[0]
    for name in ("tensors", "threads", "open_files", "objects"):
        least = _OBJECTS_PER_REQUEST if name == "objects" else 0
        grown = [getattr(each, name) for each in growth]
        if all(more > least * count for more, count in zip(grown, asked, strict=True)):
            what = name.replace("_", " ")
            raise PromiseBroken(
                f"{sum(asked)} requests left {getattr(total, name)} more {what} than before"
            )
    allowed = _SLACK_BYTES + sum(asked) * _LEAK_BYTES
    if total.resident_bytes > allowed and all(each.resident_bytes > 0 for each in growth):
        raise PromiseBroken(
            f"{sum(asked)} requests left {total.resident_bytes / (1 << 20):.0f} MiB more in use"
        )


def _ask(case: HandlerCase, model: "Model", count: int) -> int:
    """Send up to *count* requests, one at a time; how many were sent."""
    deadline = time.monotonic() + _MOST_SECONDS * count / _REQUESTS
    requests = case.requests
    for sent in range(count):
        if sent and time.monotonic() > deadline:
            return sent
        case.answers([requests[sent % len(requests)]], model)
    return count
