"""One request as a folder of files: exact, and to be read and changed by hand.

``request.json`` has the headers and, for each part, its name, its content type, its file and what
the file's bytes stand for. The files hold the parts as they come over the wire, with a suffix that
tells what is in them. The name of a part's file has one dot: a name with two is free for whoever
keeps something else in the folder.
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from archiver.names import folded, member_name_problem
from archiver.samples import REQUEST_FILE, is_hidden
from ts_sdk.errors import RequestError
from ts_sdk.rows import Request, decode_content, decode_file
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.files import FolderFiles, Readable, refuse_large
from ts_sdk.samples.json_text import json_text
from ts_sdk.samples.kept_values import KeptValue, keep, restore
from ts_sdk.working_directory import from_program

_VERSION = 1
_LARGEST_DESCRIPTION_BYTES = 1 << 20
_KEYS = frozenset({"version", "headers", "parts"})
_PART_KEYS = frozenset({"name", "content_type", "file", "kept_as", "dtype"})
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_STEM = 60
_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
"""What Windows takes for a device, whatever its suffix."""


def write_request(request: Request, folder: str | os.PathLike[str]) -> None:
    """Store a request in a new folder; on any error there is none.

    Values come back as they are: bytes, text, JSON values (NaN and infinity among them), arrays
    and tensors. Arrays and tensors are ``.npy`` files; a tensor loses its gradients and device.

    Args:
        request: What to store.
        folder: The folder to make; its parents are made too.

    Raises:
        SampleError: There is something at *folder*, it cannot be written, the request holds a
            value that would come back as something else, or it is too large to be read again.
    """
    target = from_program(folder)
    if os.path.lexists(target):
        raise SampleError(f"{folder} is there already: give a new name, or remove it")
    files = _files_of(request)
    try:
        with _draft_beside(target) as draft:
            for name, content in files.items():
                (draft / name).write_bytes(content)
            draft.rename(target)
    except OSError as error:
        raise SampleError(f"{folder} cannot be written: {error.strerror or error}") from error


def read_request(path: str | os.PathLike[str]) -> Request:
    """The request that was stored in a folder, or that a single file is the body of.

    Args:
        path: A folder with a ``request.json``, that ``request.json``, or any other file, which is
            read as `Request.sent` reads it.

    Raises:
        SampleError: There is none, or it cannot be believed.
    """
    place = from_program(path)
    if place.is_dir():
        return request_in(FolderFiles(place))
    files = FolderFiles(place.parent)
    if place.name == REQUEST_FILE:
        return request_in(files)
    return request_of_file(files, place.name)


def request_of_file(files: Readable, name: str) -> Request:
    """The request whose body is the file *name* among *files*.

    Raises:
        SampleError: It cannot be read, or is not what its suffix says.
    """
    content = files.read(name)
    try:
        return decode_file(PurePosixPath(name), content)
    except RequestError as error:
        raise SampleError(f"{files.where}: {error}") from error


def request_in(files: Readable) -> Request:
    """The stored request that *files* are.

    Raises:
        SampleError: They are none, or cannot be believed.
    """
    where = f"{files.where}/{REQUEST_FILE}"
    described = _description(where, files.read(REQUEST_FILE))
    values: dict[str, object] = {}
    types: dict[str, str] = {}
    size = 0
    for part in described.parts:
        try:
            content = files.read(part.file)
            size += len(content)
            refuse_large("what the parts hold together", size)
            values[part.name] = _value(part, content)
        except SampleError as error:
            raise SampleError(f"{where}: the part {part.name!r}: {error}") from error
        if part.content_type is not None:
            types[part.name] = part.content_type
    return Request(values, described.headers, types)


@dataclass(frozen=True)
class _Part:
    """What ``request.json`` says of a part; without *kept_as* its content type decides."""

    name: str
    file: str
    content_type: str | None = None
    kept_as: str | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class _Description:
    headers: Mapping[str, str]
    parts: tuple[_Part, ...]


def _files_of(request: Request) -> dict[str, bytes]:
    """The files that a request is stored as, by name."""
    _refuse_odd(request)
    files: dict[str, bytes] = {}
    taken = {folded(REQUEST_FILE)}
    parts = []
    for name, value in request.parts.items():
        content_type = request.content_types.get(name)
        try:
            kept = keep(value, content_type)
        except SampleError as error:
            raise SampleError(f"the part {name!r} cannot be stored: {error}") from error
        file = _free_name(name, kept.suffix, taken)
        files[file] = kept.content
        parts.append(_described(name, content_type, file, kept))
    described = {"version": _VERSION, "headers": dict(request.headers), "parts": parts}
    refuse_large("what the parts hold together", sum(map(len, files.values())))
    files[REQUEST_FILE] = f"{json_text(described, indent=2)}\n".encode()
    _refuse_long_description(REQUEST_FILE, files[REQUEST_FILE])
    return files


def _described(
    name: str, content_type: str | None, file: str, kept: KeptValue
) -> dict[str, str | None]:
    described = {"name": name, "content_type": content_type, "file": file, "kept_as": kept.how}
    return described if kept.dtype is None else {**described, "dtype": kept.dtype}


def _refuse_odd(request: Request) -> None:
    """Refuse what ``request.json`` cannot say."""
    texts = [*request.parts, *request.headers, *request.headers.values()]
    texts += [*request.content_types, *request.content_types.values()]
    odd = [text for text in texts if not isinstance(text, str)]
    if odd:
        raise SampleError(f"names of parts, headers and content types must be text, not {odd[0]!r}")
    without = [name for name in request.content_types if name not in request.parts]
    if without:
        raise SampleError(f"there is a content type for {without[0]!r}, and no such part")


def _free_name(part: str, suffix: str, taken: set[str]) -> str:
    """A name for a part's file that no other file has, on any file system."""
    stem = _NOT_IN_NAMES.sub("_", part)[:_LONGEST_STEM] or "part"
    if _DEVICES.fullmatch(stem):
        stem = f"part-{stem}"
    name, count = f"{stem}{suffix}", 1
    while folded(name) in taken:
        count += 1
        name = f"{stem}-{count}{suffix}"
    taken.add(folded(name))
    return name


@contextmanager
def _draft_beside(target: Path) -> Iterator[Path]:
    """A new folder beside *target* that is removed unless it was renamed; hidden from readers."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.parent / f".{target.name[:100]}.{secrets.token_hex(4)}.part"
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _value(part: _Part, content: bytes) -> object:
    if part.kept_as is None:
        return decode_content(content, part.content_type or "")
    return restore(KeptValue(content, "", part.kept_as, part.dtype))


def _description(where: str, content: bytes) -> _Description:
    """What a ``request.json`` says.

    Raises:
        SampleError: It does not say what it should; *where* it is goes into the message.
    """
    _refuse_long_description(where, content)
    try:
        said = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise SampleError(f"{where} is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise SampleError(f"{where} must hold an object with 'headers' and 'parts'")
    if said.get("version") != _VERSION:
        raise SampleError(f"{where} is of version {said.get('version')!r}; known is {_VERSION}")
    _refuse_other_keys(where, said, _KEYS)
    headers, parts = said.get("headers", {}), said.get("parts")
    if not isinstance(headers, dict) or not all(isinstance(each, str) for each in headers.values()):
        raise SampleError(f"{where}: 'headers' must be an object from names to texts")
    if not isinstance(parts, list):
        raise SampleError(f"{where}: 'parts' must be a list, a part each")
    described = tuple(_part(where, part) for part in parts)
    names = [part.name for part in described]
    if len(set(names)) != len(names):
        raise SampleError(f"{where}: two parts have one name")
    return _Description(headers, described)


def _refuse_long_description(where: str, content: bytes) -> None:
    if len(content) > _LARGEST_DESCRIPTION_BYTES:
        raise SampleError(
            f"{where} has {len(content):,} bytes; it may have {_LARGEST_DESCRIPTION_BYTES:,}"
        )


def _part(where: str, said: Any) -> _Part:  # noqa: ANN401 - what somebody wrote
    if not isinstance(said, dict) or not {"name", "file"} <= said.keys():
        raise SampleError(f"{where}: a part must be an object with 'name' and 'file', not {said!r}")
    _refuse_other_keys(where, said, _PART_KEYS)
    wrong = [key for key, value in said.items() if not isinstance(value, str | None)]
    if wrong or said["name"] is None or said["file"] is None:
        raise SampleError(f"{where}: all that is said of a part must be text: {said!r}")
    file = said["file"]
    problem = member_name_problem(file)
    if problem is None and "/" in file:
        problem = f"{file!r} is in another folder"
    if problem is None and is_hidden(file):
        problem = f"{file!r} is hidden"
    if problem is None and folded(file) == folded(REQUEST_FILE):
        problem = f"{file!r} describes the request, and is no part of it"
    if problem is not None:
        raise SampleError(f"{where}: the file of the part {said['name']!r} is refused: {problem}")
    return _Part(**said)


def _refuse_other_keys(where: str, said: Mapping[str, object], known: frozenset[str]) -> None:
    others = sorted(said.keys() - known)
    if others:
        raise SampleError(f"{where}: unknown key {others[0]!r}; known are {sorted(known)}")
