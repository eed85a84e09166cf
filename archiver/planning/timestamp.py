"""The one time that all members of an archive get, so that same inputs give same bytes."""

from __future__ import annotations

import os
from datetime import UTC, datetime

_VARIABLE = "SOURCE_DATE_EPOCH"
# What a zip can say: the years 1980 to 2107.
_EARLIEST = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
_LATEST = int(datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC).timestamp())


def source_date_epoch() -> int | None:
    """Return what SOURCE_DATE_EPOCH says, or None when it is not set.

    Raises:
        ValueError: It is no whole number of seconds.
    """
    text = os.environ.get(_VARIABLE)
    if not text:
        return None
    if not text.isdecimal():
        raise ValueError(
            f"the environment variable {_VARIABLE} is {text!r}: set it to a whole number of "
            "seconds since 1970, or unset it"
        )
    return min(int(text), _LATEST)


def member_timestamp(epoch: int | None) -> int:
    """Return the time for an archive's members; a zip's first day unless one is given."""
    return _EARLIEST if epoch is None else max(epoch, _EARLIEST)


def created_on(epoch: int | None) -> str | None:
    """Return the manifest's ``createdOn``, in TorchServe's form, when a time is given."""
    if epoch is None:
        return None
    return datetime.fromtimestamp(epoch, UTC).strftime("%d/%m/%Y %H:%M:%S")
