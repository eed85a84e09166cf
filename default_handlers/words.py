"""From text to words, as the vocabularies of torchtext's classifiers were made.

Each step takes time in proportion to the text, whatever is in it.
"""

import functools
import re
import string
import unicodedata
from collections.abc import Iterator, Sequence

_TAG_OR_ENTITY = re.compile(r"<[^>]*>|&(?:[a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});")
_ENTITY = re.compile(r"&(?:[a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SPACED = str.maketrans({mark: f" {mark} " for mark in "'.,()!?"} | dict.fromkeys(";:", " "))


def without_html(text: str) -> str:
    """*text* without tags and entities; a tag ends in the line in which it starts."""
    return "\n".join(map(_line_without_html, text.split("\n")))


def without_accents(text: str) -> str:
    """*text* in ASCII: of each other character what is left without its marks, such as its letter.

    What has no such part, as a letter of another alphabet, is left out.
    """
    return text if text.isascii() else _NOT_ASCII.sub(_ascii_part_of, text)


def without_punctuation(text: str) -> str:
    """*text* without the punctuation marks of ASCII."""
    return text.translate(_NO_PUNCTUATION)


def basic_english(text: str) -> list[str]:
    """The words of *text* in lower case, as torchtext's tokenizer of this name splits them.

    Marks that end or part sentences, brackets and apostrophes are words; quotation marks, colons
    and semicolons are left out.
    """
    unquoted = text.lower().replace('"', "")
    return unquoted.replace("<br />", " ").translate(_SPACED).split()


def ngrams(words: Sequence[str], longest: int) -> Iterator[str]:
    """The words, then all pairs of neighbours, and so on up to groups of *longest*.

    The words of a group are parted by a space. The words themselves are always there.
    """
    yield from words
    for length in range(2, longest + 1):
        neighbours = (words[start:] for start in range(length))
        yield from map(" ".join, zip(*neighbours, strict=False))


def _line_without_html(line: str) -> str:
    # Behind the last ">" no tag ends. Looking for one at every "<" there would take for ever.
    tagged, end, rest = line.rpartition(">")
    return _TAG_OR_ENTITY.sub("", tagged + end) + _ENTITY.sub("", rest)


def _ascii_part_of(match: re.Match[str]) -> str:
    return _ascii_part(match[0])


@functools.lru_cache(maxsize=4096)
def _ascii_part(character: str) -> str:
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
