"""What a model and the members of its archive may be called."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

METADATA_FOLDER = "MAR-INF"
MANIFEST_NAME = "MAR-INF/MANIFEST.json"
RECORD_NAME = "MAR-INF/RECORD"

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-.]*")
_DRIVE = re.compile(r"[A-Za-z]:")
# The longest file name that ext4, XFS, APFS and NTFS accept, so that what packs also unpacks.
_LONGEST_SEGMENT_BYTES = 255


def model_name_problem(name: str) -> str | None:
    """Say what is wrong with a model's name, or None.

    The name becomes a file's name and part of the old server's URLs, hence the narrow rule.
    """
    if not name:
        return "the model name is empty: give --model-name (model_name)"
    if _MODEL_NAME.fullmatch(name) is None:
        return (
            f"the model name {name!r} is not allowed: use letters, digits, '_', '-' and '.', "
            "beginning with a letter or digit"
        )
    return None


def unsafe_name_problem(name: str) -> str | None:
    r"""Say why a member of this name would be written outside its folder, or None.

    A backslash separates folders on Windows, so ``..\x`` is as bad as ``../x`` everywhere.
    """
    if not name:
        return "a member has an empty name"
    if "\0" in name:
        return f"the member name {name!r} contains a NUL character"
    if name[0] in "/\\":
        return f"the member name {name!r} is absolute"
    if _DRIVE.match(name):
        return f"the member name {name!r} begins with a drive"
    if ".." in re.split(r"[/\\]", name):
        return f"the member name {name!r} leaves the archive's folder"
    return None


def member_name_problem(name: str) -> str | None:
    """Say why a new archive should not have a member of this name, or None.

    Stricter than `unsafe_name_problem`: what is merely odd is read, but not written.
    """
    unsafe = unsafe_name_problem(name)
    if unsafe is not None:
        return unsafe
    if "\\" in name:
        return f"the member name {name!r} contains a backslash, which Windows takes for a folder"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        return f"the member name {name!r} contains characters that cannot be printed"
    segments = name.split("/")
    if "" in segments or "." in segments:
        return f"the member name {name!r} has an empty part or a '.' between its slashes"
    if any(len(segment.encode()) > _LONGEST_SEGMENT_BYTES for segment in segments):
        return f"the member name {name!r} has a part longer than {_LONGEST_SEGMENT_BYTES} bytes"
    return None


def is_reserved(name: str) -> bool:
    """Tell whether a member's name lies in MAR-INF, however that is spelled."""
    return folded(name.replace("\\", "/").split("/", 1)[0]) == folded(METADATA_FOLDER)


def folded(name: str) -> str:
    """Return what a file system that ignores case and Unicode form makes of a name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def clash_problems(names: Iterable[str]) -> Iterator[str]:
    """Say which of an archive's names cannot lie side by side in one folder.

    Args:
        names: The names of its files, without those of its folders.

    Yields:
        A sentence for each name that is there twice, that differs from an earlier one only in
        case, or that is a file where another name needs a folder.
    """
    first_spelling: dict[str, str] = {}
    for name in names:
        key = folded(name)
        if key not in first_spelling:
            first_spelling[key] = name
        elif first_spelling[key] == name:
            yield f"there are two members named {name!r}"
        else:
            yield f"the members {first_spelling[key]!r} and {name!r} differ only in case"
    yield from _file_and_folder_problems(first_spelling)


def _file_and_folder_problems(first_spelling: dict[str, str]) -> Iterator[str]:
    """Say which names are a file for themselves and a folder for another."""
    for key, name in first_spelling.items():
        parent = key
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if parent in first_spelling:
                yield f"the member {first_spelling[parent]!r} is a file and the folder of {name!r}"
