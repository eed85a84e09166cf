"""The lines of text files that changed."""

import difflib
from collections.abc import Collection, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from archiver.text import HEAD_SIZE, is_text
from ts_sdk.comparison.changes import TextDiff

if TYPE_CHECKING:
    from archiver import Archive

_MOST_BYTES = 4 << 20
"""Of one file; text that people write is shorter."""
_MOST_BYTES_TOGETHER = 64 << 20
_MOST_LINES = 20_000
"""Of both files; comparing more line by line can take minutes."""
_MOST_IN_LINE = 400
"""Characters; what follows is data, such as minified JSON."""


def read_small(archive: "Archive", names: Collection[str]) -> dict[str, bytes]:
    """The content of those members that are small enough to be text, in one pass.

    Raises:
        archiver.CorruptArchiveError: A member cannot be read.
    """
    sizes = {name: archive.member(name).size for name in names}
    wanted, total = [], 0
    for name, size in sorted(sizes.items(), key=lambda item: item[1]):
        total += size
        if size <= _MOST_BYTES and total <= _MOST_BYTES_TOGETHER:
            wanted.append(name)
    return {member.name: stream.read(member.size) for member, stream in archive.stream(wanted)}


def looks_like_text(name: str, content: bytes) -> bool:
    """Whether a file is text; code always is, whatever odd characters stand in its comments."""
    return not content or name.endswith(".py") or is_text(content[:HEAD_SIZE])


def diff_texts(
    old: tuple[str, bytes], new: tuple[str, bytes], *, context: int, most_lines: int
) -> TextDiff:
    """The unified diff of two texts.

    Args:
        old: Name and content of the old one.
        new: Name and content of the new one.
        context: How many unchanged lines to keep around each change.
        most_lines: How many lines the diff may have; those beyond are counted.
    """
    before, after = _lines(old[1]), _lines(new[1])
    if before == after:
        return TextDiff(old[0], new[0], (), note="only line ends or odd bytes differ")
    if len(before) + len(after) > _MOST_LINES:
        note = f"{len(before):,} and {len(after):,} lines, too many to be compared one by one"
        return TextDiff(old[0], new[0], (), note=note)
    # The two headings are the caller's to print; they come with names that the record has.
    lines = islice(difflib.unified_diff(before, after, lineterm="", n=context), 2, None)
    shown = [_cut(line) for line in lines]
    return TextDiff(old[0], new[0], tuple(shown[:most_lines]), max(0, len(shown) - most_lines))


def _lines(content: bytes) -> Sequence[str]:
    return content.decode("utf-8-sig", errors="replace").splitlines()


def _cut(line: str) -> str:
    return line if len(line) <= _MOST_IN_LINE else f"{line[:_MOST_IN_LINE]}…"
