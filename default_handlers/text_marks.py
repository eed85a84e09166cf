"""Which parts of a text a model has seen, and which of these it knows."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from default_handlers.tokens import TokenSpan

MOST_DRAWN = 4000
"""How many characters of a text are drawn."""

_CHUNK = re.compile(r"\S+")
_LEFT_OUT = 12
"""How many words may come of nothing that is left of the text, as of a tag, before one is found."""


class Sight(Enum):
    """What a part of a text is for a model."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a text.

    Attributes:
        start: Its first character.
        end: The one behind its last.
        sight: What it is for the model.
    """

    start: int
    end: int
    sight: Sight


def marks_of_words(
    text: str, words_of: Callable[[str], list[str]], knows: Callable[[str], bool]
) -> list[Mark]:
    """The parts of a text that spaces divide, by the words that are made of all of it.

    Args:
        text: The text.
        words_of: Makes words of a text.
        knows: Whether a word is in the model's vocabulary.

    Returns:
        A part is known where one of its words is. One that no word is made of, such as a tag of
        HTML or a letter that is left out, is not.
    """
    words = words_of(text)
    return [
        Mark(
            chunk.start(),
            chunk.end(),
            Sight.KNOWN if any(map(knows, found)) else Sight.UNKNOWN,
        )
        for chunk, found in _aligned(list(_CHUNK.finditer(text)), words, words_of)
    ]


def marks_of_tokens(text: str, spans: Sequence[TokenSpan]) -> list[Mark]:
    """The parts of a text that are tokens, and what was cut off at either end.

    Args:
        text: The text.
        spans: Where its tokens are, in order.
    """
    start = min((each.start for each in spans), default=0)
    end = max((each.end for each in spans), default=0)
    marks = [Mark(0, start, Sight.UNSEEN)] if text[:start].strip() else []
    for span in spans:
        sight = Sight.KNOWN if span.is_known else Sight.UNKNOWN
        first = max(span.start, marks[-1].end if marks else 0)  # of one character several may be
        if first < span.end:
            marks.append(Mark(first, span.end, sight))
    if text[end:].strip():
        marks.append(Mark(end, len(text), Sight.UNSEEN))
    return marks


def _aligned(
    chunks: Sequence[re.Match[str]], words: Sequence[str], words_of: Callable[[str], list[str]]
) -> Iterator[tuple[re.Match[str], Sequence[str]]]:
    """Each chunk with those of *words* that were made of it; none where it was left out."""
    at = 0
    for chunk in chunks:
        # Of a tag with spaces in it, one end may be in the way of a word.
        tried = (chunk.group(), chunk.group().partition(">")[2], chunk.group().rpartition("<")[0])
        for own in filter(None, map(words_of, filter(None, tried))):
            starts = range(at, min(at + _LEFT_OUT, len(words) - len(own) + 1))
            start = next((each for each in starts if [*words[each : each + len(own)]] == own), None)
            if start is not None:
                yield chunk, own
                at = start + len(own)
                break
        else:
            yield chunk, ()
