"""Keeping the log messages of others to themselves."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.RLock()


@contextmanager
def quiet(logger_name: str) -> Iterator[None]:
    """While the ``with`` block runs, a logger says nothing: what it would say is reported."""
    logger = logging.getLogger(logger_name)
    with _one_at_a_time:
        was = logger.disabled
        logger.disabled = True
        try:
            yield
        finally:
            logger.disabled = was
