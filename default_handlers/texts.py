"""The texts of a batch: which requests they belong to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ts_sdk.batch import current_batch

_NOTE = "texts"


@dataclass
class Texts:
    """The texts of a batch, in the order in which the model has them.

    Attributes:
        rows: The request that each belongs to, counted among those that were not rejected.
        is_several: For each of these requests, whether it has a list of answers.
    """

    rows: list[int] = field(default_factory=list)
    is_several: list[bool] = field(default_factory=list)

    def add(self, count: int, *, is_several: bool) -> None:
        """Take note of one more request, which has *count* texts."""
        self.rows += [len(self.is_several)] * count
        self.is_several.append(is_several)

    def by_request(self, answers: Sequence[Any]) -> list[Any]:
        """One answer a request, of one *answer* a text."""
        joined: list[list[Any]] = [[] for _ in self.is_several]
        for row, answer in zip(self.rows, answers, strict=True):
            joined[row].append(answer)
        return [
            each if is_several else each[0]
            for each, is_several in zip(joined, self.is_several, strict=True)
        ]

    def requests_of(self, places: Iterable[int]) -> set[int]:
        """The requests that have the texts at *places*."""
        return {self.rows[place] for place in places}


def note(texts: Texts) -> None:
    """Keep what is known of the texts for the later phases of the running batch."""
    batch = current_batch()
    if batch is not None:
        batch.notes[_NOTE] = texts


def texts_of_batch(count: int) -> Texts | None:
    """What is known of the running batch's *count* texts; None outside of one."""
    batch = current_batch()
    texts = None if batch is None else batch.notes.get(_NOTE)
    return texts if texts is not None and len(texts.rows) == count else None
