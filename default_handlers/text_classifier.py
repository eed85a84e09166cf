"""`text_classifier`: the classes of a text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from default_handlers.labels import as_mapping, as_records
from default_handlers.scores import class_probabilities, reject_without_numbers
from default_handlers.settings import Settings
from default_handlers.text import TextHandler
from default_handlers.words import ngrams
from ts_sdk.errors import RequestError
from ts_sdk.timing import timed

_ANSWERS = {"torchserve": as_mapping, "records": as_records}


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


class TextClassifier(TextHandler):
    """Answers each text with the probabilities of its classes.

    An answer is ``{label: probability}`` with all classes in the model's order, as TorchServe's;
    where `topk` is set, with the most probable classes, the first one first. With the setting
    ``answers: records`` it is ``[{"label": …, "index": …, "probability": …}]``. Labels come from
    `index_to_name.json`; a class without a name has its number. Settings ``ngrams``, ``topk`` and
    ``answers``, besides that of `TextHandler`.

    The model is called with the numbers of the words ``(T,)`` of all texts, one behind the other,
    and the offsets ``(B,)`` at which each text begins, as `torch.nn.EmbeddingBag` takes them. It
    answers scores (logits) ``(B, K)``; see `default_handlers.scores.class_probabilities`. A word or
    group that is not in the vocabulary has the number of ``<unk>``; where there is no such entry it
    is left out.

    Attributes:
        ngrams: Up to how many neighbouring words are looked up together, besides the words.
        topk: How many classes an answer has; None for all.
        answers: The shape of the answers, ``"torchserve"`` or ``"records"``.
    """

    concurrent = True

    ngrams: int = 2
    topk: int | None = None
    answers: str = "torchserve"

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        super().read_settings(settings)
        self.ngrams = settings.whole("ngrams", self.ngrams)
        self.topk = settings.whole("topk", self.topk)
        self.answers = settings.word("answers", self.answers, tuple(_ANSWERS))

    @timed
    def preprocess(self, data: list[Any]) -> TextBatch:
        """Read the texts of a batch and look their words up.

        Args:
            data: One row a request.

        Returns:
            The words and their numbers, without the rows that were rejected.
        """
        words: list[list[str]] = []
        numbers: list[int] = []
        offsets: list[int] = []
        for index, row in enumerate(data):
            try:
                words_here = self.words_of(self.text_of(row))
                numbers_here = self._numbers_of(words_here)
            except RequestError as error:
                self.reject(index, error.message, status=error.status)
                continue
            words.append(words_here)
            offsets.append(len(numbers))
            numbers += numbers_here
        return TextBatch(
            torch.tensor(numbers, dtype=torch.int64, device=self.device),
            torch.tensor(offsets, dtype=torch.int64, device=self.device),
            words,
        )

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch.

        Args:
            data: What `preprocess` returned; of a subclass, also a pair whose first element are the
                numbers of one text.
            *args: More inputs of the model.
            **kwargs: More named inputs of the model.
        """
        numbers, _ = data
        offsets = data.offsets if isinstance(data, TextBatch) else torch.zeros(1, dtype=torch.int64)
        return super().inference(numbers, offsets.to(self.device), *args, **kwargs)

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn scores into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each text whose scores are numbers; the others are rejected.

        Raises:
            HandlerContractError: The model did not answer scores ``(B, K)``.
        """
        probabilities = class_probabilities(data)
        reject_without_numbers(self, probabilities)
        answer = _ANSWERS[self.answers]
        return [answer(self._ranked(row), self.mapping) for row in probabilities]

    def _numbers_of(self, words: list[str]) -> list[int]:
        """The numbers of *words* and of their groups.

        Raises:
            RequestError: There are none.
        """
        numbers = list(self._known(ngrams(words, self.ngrams)))
        if not words:
            raise RequestError(
                "expected text with words, got one of which HTML, punctuation and letters that are "
                "not Latin leave none"
            )
        if not numbers:
            raise RequestError(
                "expected words of the model's vocabulary, got a text of "
                f"{len(words):,} with none of them"
            )
        return numbers

    def _known(self, groups: Iterator[str]) -> Iterator[int]:
        for group in groups:
            try:
                yield self.source_vocab[group]
            except (LookupError, RuntimeError):  # torchtext's vocabularies raise the latter
                continue

    def _ranked(self, probabilities: torch.Tensor) -> Iterator[tuple[int, float]]:
        if self.topk is None:
            return enumerate(probabilities.tolist())
        best = probabilities.topk(min(self.topk, len(probabilities)))
        return zip(best.indices.tolist(), best.values.tolist(), strict=True)
