"""Sample requests that an archive holds: where they are, and what they are called.

A sample is a file, which is the body of a request, or a stored request: a folder with a
``request.json`` that names the parts and their files. What was answered to a sample lies beside it
in a file of its own, its golden answers. `ts_sdk.samples` reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.names import METADATA_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLES_FOLDER = f"{METADATA_FOLDER}/samples"
"""Where in an archive they are."""

REQUEST_FILE = "request.json"
"""The file that makes a folder a stored request."""

GOLDEN_SUFFIX = ".golden.json"
"""What follows a sample's name in that of the file with its golden answers."""

SAMPLE_ROLE = "sample"
"""What a sample's file is to the archive, in words."""


def is_sample_member(name: str) -> bool:
    """Tell whether a member is a sample, a part of one, or its golden answers."""
    return name.startswith(f"{SAMPLES_FOLDER}/")


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder among samples is none, such as a draft of one."""
    return name.startswith(".")


def sample_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return what the samples in a folder are called, sorted.

    Args:
        names: The names of all files below the folder, ``/`` between the folders.
    """
    first_parts = {name.partition("/")[0] for name in names}
    return tuple(
        sorted(
            name for name in first_parts if not is_hidden(name) and not name.endswith(GOLDEN_SUFFIX)
        )
    )
