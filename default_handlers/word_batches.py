"""The words of texts as the numbers that a model looks them up by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from default_handlers.vocabulary import UNKNOWN, Numbers, Vocabulary
from default_handlers.words import ngrams
from ts_sdk.errors import RequestError


@dataclass(frozen=True, eq=False)
class TextBatch:
    """What the model is given, and the words behind it.

    It can be unpacked into numbers and words, the pair that TorchServe's handler made of one text.

    Attributes:
        numbers: Those of the words of all texts, one text behind the other, ``(T,)`` int64.
        offsets: Position of each text's first number, ``(B,)`` int64.
        words: The words of each text.
    """

    numbers: torch.Tensor
    offsets: torch.Tensor
    words: list[list[str]]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.numbers, self.words))


@dataclass(frozen=True)
class WordNumbers:
    """How words and groups of neighbours are looked up.

    Attributes:
        vocabulary: Word → number.
        longest: Up to how many neighbouring words are looked up together, besides the words.
    """

    vocabulary: Numbers
    longest: int

    def of(self, words: Sequence[str]) -> list[int]:
        """The numbers of *words* and of their groups.

        Raises:
            RequestError: There are none.
        """
        if not words:
            raise RequestError(
                "expected text with words, got one of which HTML, punctuation and letters that are "
                "not Latin leave none"
            )
        groups = ngrams(words, self.longest)
        numbers = [number for number in self._found(groups) if number is not None]
        if not numbers:
            raise RequestError(
                "expected words of the model's vocabulary, got a text of "
                f"{len(words):,} with none of them"
            )
        return numbers

    def places(self, words: Sequence[str]) -> list[tuple[str, range]]:
        """The known words and groups, in the model's order, each with the words that it is of."""
        counts = range(1, max(self.longest, 1) + 1)
        spans = [range(at, at + n) for n in counts for at in range(len(words) - n + 1)]
        groups = list(ngrams(words, self.longest))
        found = zip(groups, spans, self._found(iter(groups)), strict=True)
        return [(group, span) for group, span, number in found if number is not None]

    def per_word(self, words: Sequence[str], found: Sequence[float]) -> list[float]:
        """The importance of each word: its own, and its share of the groups that it is in."""
        importances = [0.0] * len(words)
        for (_, span), value in zip(self.places(words), found, strict=True):
            for place in span:
                importances[place] += value / len(span)
        return importances

    def knows(self, word: str) -> bool:
        """Whether *word* has a number of its own."""
        if isinstance(self.vocabulary, Vocabulary):
            return word in self.vocabulary and word != UNKNOWN
        (number,) = self._found(iter([word]))
        return number is not None and [number] != [*self._found(iter([UNKNOWN]))]

    def _found(self, groups: Iterator[str]) -> Iterator[int | None]:
        """The number of each of *groups*; None for one that is left out."""
        if type(self.vocabulary) is not Vocabulary:
            return map(self._looked_up, groups)
        # Not `_looked_up`: a long text has millions of groups.
        others = self.vocabulary.get(UNKNOWN)
        return (others if number is None else number for number in map(self.vocabulary.get, groups))

    def _looked_up(self, group: str) -> int | None:
        try:
            return self.vocabulary[group]
        except (LookupError, RuntimeError):  # torchtext's vocabularies raise the latter
            return None


def text_batch(pairs: Sequence[tuple[list[str], list[int]]], device: Any) -> TextBatch:  # noqa: ANN401 - whatever torch takes for one
    """The words and numbers of some texts, as the model takes them."""
    counts = [0, *(len(numbers) for _, numbers in pairs)]
    numbers = [number for _, numbers in pairs for number in numbers]
    return TextBatch(
        torch.tensor(numbers, dtype=torch.int64, device=device),
        torch.tensor(counts[:-1], dtype=torch.int64, device=device).cumsum(0),
        [words for words, _ in pairs],
    )
