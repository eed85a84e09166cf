"""Letting a model answer samples before anybody waits for its answers."""

import logging
import uuid
from itertools import cycle, islice
from typing import TYPE_CHECKING

from ts_sdk.errors import RequestError
from ts_sdk.samples import SampleError, samples_of

if TYPE_CHECKING:
    from pathlib import Path

    from ts_sdk.rows import Request
    from ts_sdk.runtime.runner import Runner

_logger = logging.getLogger(__name__)


def requests_in(path: "Path") -> "list[Request]":
    """The samples that the archive at *path* holds; none where they cannot be read."""
    try:
        return [sample.request for sample in samples_of(path)]
    except SampleError as error:
        _logger.warning("no warm-up: %s", error)
        return []


def warm_up(runner: "Runner", requests: "list[Request]", batch_size: int) -> None:
    """Run batches of every size up to *batch_size*, made of *requests*.

    What torch and its libraries prepare for a size of batch, and in a thread, is then prepared.
    """
    if not requests:
        return
    for size in range(1, batch_size + 1):
        batch = [(str(uuid.uuid4()), request) for request in islice(cycle(requests), size)]
        failed = [
            reply.outcome for reply in runner.run(batch) if isinstance(reply.outcome, RequestError)
        ]
        if failed:
            _logger.warning(
                "%s of %s samples failed in the warm-up: %s", len(failed), size, failed[0]
            )
            return
