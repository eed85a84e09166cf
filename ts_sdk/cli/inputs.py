"""What ``mar run`` is given to answer: files, folders, standard input and request bodies."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ts_sdk.cli.usage import UsageError
from ts_sdk.errors import RequestError

STANDARD_INPUT = "-"
_KINDS: dict[str, Callable[[bytes], object]] = {
    "json": json.loads,
    "text": bytes.decode,
    "bytes": bytearray,
}
KINDS = tuple(_KINDS)
"""What ``--as`` may say about the content of inputs."""


@dataclass(frozen=True)
class Input:
    """One request to be.

    Attributes:
        name: What it is called in the output: the path as given, ``-``, or ``<body>``.
        read: Gives what `Model.predict_batch` takes; raises `RequestError` when it cannot.
    """

    name: str
    read: Callable[[], object]


def find_inputs(words: Sequence[str], bodies: Sequence[object], kind: str | None) -> list[Input]:
    """The inputs that the command line names, none of them read yet.

    Args:
        words: Paths of files and folders (which stand for all files in them, hidden ones left
            out, sorted), and ``-`` for standard input.
        bodies: Decoded JSON bodies; they come last.
        kind: One of `KINDS` for the files and standard input, None to go by the suffix.

    Raises:
        UsageError: Inputs do not exist (all are named), a folder is empty, or there is none.
    """
    if words.count(STANDARD_INPUT) > 1:
        raise UsageError("standard input ('-') can be read only once")
    inputs: list[Input] = []
    problems = []
    for word in words:
        found = _inputs_of(word, kind)
        inputs += found
        if not found:
            problems.append(
                f"{word} {'holds no files' if Path(word).is_dir() else 'does not exist'}"
            )
    if problems:
        raise UsageError("; ".join(problems))
    for position, body in enumerate(bodies, start=1):
        name = "<body>" if len(bodies) == 1 else f"<body {position}>"
        inputs.append(Input(name, partial(_as_it_is, body)))
    if not inputs:
        raise UsageError("nothing to answer: give files, a folder, '-' or --json '{...}'")
    return inputs


def check_kept(inputs: Sequence[Input], files: Iterable[Path], option: str) -> None:
    """Raise where what is written to *files* would take the place of an input.

    Args:
        inputs: What is read.
        files: What will be written.
        option: How they were asked for, such as ``-o out``.

    Raises:
        UsageError: One of *files* is an input.
    """
    read = {Path(each.name).resolve() for each in inputs}
    for file in files:
        if file.resolve() in read:
            raise UsageError(
                f"{option}: {file} is an input, which would be written over: name another place"
            )


def _inputs_of(word: str, kind: str | None) -> list[Input]:
    """What *word* stands for; nothing when it does not exist."""
    if word == STANDARD_INPUT:
        return [Input(word, lambda: _decoded(sys.stdin.buffer.read(), kind or "bytes"))]
    path = Path(word)
    if path.is_dir():
        return [_file(each, kind) for each in _files_in(path)]
    return [_file(path, kind)] if path.exists() else []


def _files_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _file(path: Path, kind: str | None) -> Input:
    if kind is None:
        return Input(str(path), lambda: path)  # predict_batch goes by the suffix itself
    return Input(str(path), lambda: _decoded(_content_of(path), kind))


def _as_it_is(body: object) -> object:
    return body


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RequestError(f"the file cannot be read: {error.strerror}") from error


def _decoded(content: bytes, kind: str) -> object:
    try:
        return _KINDS[kind](content)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"this is no {kind}: {error}") from error
