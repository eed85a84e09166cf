"""`text_classifier`: the classes of a text."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from default_handlers.labels import as_mapping, as_records
from default_handlers.scores import (
    ACTIVATIONS,
    NO_NUMBERS,
    NO_NUMBERS_STATUS,
    Activation,
    class_probabilities,
    class_scores,
    foreground,
    without_numbers,
)
from default_handlers.settings import Settings
from default_handlers.text import TextHandler
from default_handlers.token_batches import TYPES, TokenBatch, TokenInputs, token_batch
from default_handlers.tokens import TOKENIZER, TextTokenizer
from default_handlers.transformers_folder import (
    TransformersConfig,
    check_size,
    is_of_transformers,
    is_weights_file,
    load_classifier,
)
from default_handlers.words import ngrams
from ts_sdk.errors import RequestError
from ts_sdk.timing import timed

if TYPE_CHECKING:
    from torch import nn

    from ts_sdk.context import Context

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
    `index_to_name.json`, or from the `config.json` of a transformers model; a class without a name
    has its number. Settings ``ngrams``, ``topk``, ``activation``, ``answers`` and
    ``texts_per_call``, besides those of `TextHandler`.

    With a `source_vocab.pt`, the model is called with the numbers of the words ``(T,)`` of all
    texts, one behind the other, and the offsets ``(B,)`` at which each text begins, as
    `torch.nn.EmbeddingBag` takes them. A word or group that is not in the vocabulary has the number
    of ``<unk>``; where there is no such entry it is left out.

    With a `tokenizer.json`, it is called with ``input_ids`` ``(B, L)``, and with ``attention_mask``
    and ``token_type_ids`` where its forward has parameters of these names. A `config.json` and
    weights in place of a model are a folder of transformers, which then has to be installed.

    It answers scores (logits) ``(B, K)``; see `default_handlers.scores.class_probabilities`.

    Attributes:
        ngrams: Up to how many neighbouring words are looked up together, besides the words.
        topk: How many classes an answer has; None for all.
        activation: What makes probabilities of scores: ``"softmax"``; ``"sigmoid"``, each class for
            itself; or ``"none"``, where the model answers probabilities. None for what
            `config.json` says, else the softmax.
        answers: The shape of the answers, ``"torchserve"`` or ``"records"``.
        texts_per_call: Most texts whose tokens are given to the model together.
        token_inputs: How the model is given tokens, set by `initialize`.
    """

    concurrent = True
    answers_several = True

    ngrams: int = 2
    topk: int | None = None
    activation: Activation | None = None
    answers: str = "torchserve"
    texts_per_call: int = 64
    token_inputs: TokenInputs | None = None
    _config: TransformersConfig = TransformersConfig(None)

    def initialize(self, context: "Context") -> None:
        """Load the model, the class names, the vocabulary or the tokenizer, and the settings.

        Raises:
            LoadError: As `TextHandler.initialize`; or the model takes no tokens.
        """
        self._config = TransformersConfig(Path(context.system_properties["model_dir"]))
        super().initialize(context)
        if self.mapping is None:
            self.mapping = self._config.labels
        if self.text_tokenizer is not None:
            self.token_inputs = TokenInputs.of(self.model)
            if is_of_transformers(self.model):
                self._fit_to_transformers(self.text_tokenizer)

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        super().read_settings(settings)
        self.ngrams = settings.whole("ngrams", self.ngrams)
        self.topk = settings.whole("topk", self.topk)
        usual = self.activation or self._config.activation
        self.activation = settings.word("activation", usual, ACTIVATIONS)
        self.answers = settings.word("answers", self.answers, tuple(_ANSWERS))
        self.texts_per_call = settings.whole("texts_per_call", self.texts_per_call)
        if self.text_tokenizer is not None and settings.given(["ngrams"]):
            settings.problem(f"ngrams would have no effect, since {TOKENIZER} makes the tokens")

    @timed
    def preprocess(self, data: list[Any]) -> TextBatch | TokenBatch:
        """Read the texts of a batch and look their words up, or make tokens of them.

        Args:
            data: One row a request.

        Returns:
            The words and their numbers, or the tokens, without the rows that were rejected.
        """
        if self.text_tokenizer is None:
            return self._words_in(data)
        return token_batch(
            self.encoded(data, self.text_tokenizer.encode),
            self.token_inputs or TokenInputs.of(self.model),
            self.text_tokenizer.padding,
            at_once=self.texts_per_call,
            device=self.device,
        )

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch.

        Args:
            data: What `preprocess` returned; of a subclass, also a pair whose first element are the
                numbers of one text.
            *args: More inputs of the model.
            **kwargs: More named inputs of the model.

        Returns:
            What the model answers; where tokens need several calls, the scores of all.
        """
        if isinstance(data, TokenBatch):
            run = super().inference
            outputs = [run(call.given, *args, **kwargs) for call in data.calls]
            if len(outputs) == 1:
                return outputs[0]
            return data.in_order([class_scores(output) for output in outputs])
        numbers, _ = data
        offsets = data.offsets if isinstance(data, TextBatch) else torch.zeros(1, dtype=torch.int64)
        return super().inference(numbers, offsets.to(self.device), *args, **kwargs)

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn scores into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each request whose scores are numbers; the others are rejected. The
            answer to a list of texts is a list with one for each.

        Raises:
            HandlerContractError: The model did not answer scores ``(B, K)``.
        """
        if self.activation == "sigmoid":  # also of a single class
            found = foreground(class_scores(data), "sigmoid")
        else:
            found = class_probabilities(data, self.activation or "softmax")
        self.reject_texts(without_numbers(found), len(found), NO_NUMBERS, status=NO_NUMBERS_STATUS)
        answer = _ANSWERS[self.answers]
        return self.by_request([answer(self._ranked(row), self.mapping) for row in found.cpu()])

    def get_insights(self, text_preprocess: Any, raw_data: Any, target: Any = 0) -> list[Any]:  # noqa: ANN401, ARG002 - the contract's signature
        """Explain the classes of one text by its words; TorchServe's name for it.

        Integrated gradients over the vectors of the words, or the best method that is right for the
        model's form.

        Args:
            text_preprocess: What `preprocess` made of the request.
            raw_data: What was sent.
            target: The class's number or name.

        Returns:
            A list with ``{"importances": […], "words": […]}``, one number for each word or token.
        """
        from ts_sdk.explain.contract import insights

        found = insights(self, text_preprocess, target).attributions.tolist()
        if isinstance(text_preprocess, TokenBatch):
            words = self.get_word_token(list(text_preprocess.encodings[0].tokens))
            padded = zip(self._padded(words), found, strict=True)
            importances = [value for word, value in padded if word is not None]
            return [{"importances": importances, "words": words}]
        (words,) = text_preprocess.words
        return [{"importances": self._per_word(words, found), "words": self.get_word_token(words)}]

    def explained_words(self, row: Any) -> list[str]:  # noqa: ANN401 - a row holds what was sent
        """What the tokens that the model is given for *row* stand for, neighbours together."""
        text = self.text_of(row)
        if self.text_tokenizer is not None:
            words = self.get_word_token(list(self.text_tokenizer.encode(text).tokens))
            return ["" if word is None else word for word in self._padded(words)]
        return [group for group, _ in self._places_in(self.words_of(text))]

    def _padded(self, words: list[str]) -> list[str | None]:
        """The *words* of one text as the model is given them, None for padding."""
        inputs, tokenizer = self.token_inputs, self.text_tokenizer
        if inputs is None or tokenizer is None:
            return [*words]
        padding = tokenizer.padding
        if not (inputs.has_mask or padding.is_asked_for):
            return [*words]
        more: list[str | None] = [None] * (padding.length(len(words)) - len(words))
        return [*more, *words] if padding.is_left else [*words, *more]

    def _places_in(self, words: list[str]) -> list[tuple[str, range]]:
        """The known words and groups, in the model's order, each with the words that it is of."""
        counts = range(1, max(self.ngrams, 1) + 1)
        spans = [range(at, at + n) for n in counts for at in range(len(words) - n + 1)]
        groups = list(ngrams(words, self.ngrams))
        known = zip(groups, spans, strict=True)
        return [(group, span) for group, span in known if [*self._known(iter([group]))]]

    def _per_word(self, words: list[str], found: list[float]) -> list[float]:
        """The importance of each word: its own, and its share of the groups that it is in."""
        importances = [0.0] * len(words)
        for (_, span), value in zip(self._places_in(words), found, strict=True):
            for place in span:
                importances[place] += value / len(span)
        return importances

    def _load_torchscript_model(self, model_pt_path: str) -> "nn.Module":
        path = Path(model_pt_path)
        if self._config.model_type is not None and is_weights_file(path.name):
            return load_classifier(path.parent, self._config.model_type)
        return super()._load_torchscript_model(model_pt_path)

    def _load_folder(self, folder: Path) -> "nn.Module":
        if self._config.model_type is not None:
            return load_classifier(folder, self._config.model_type)
        return super()._load_folder(folder)

    def _fit_to_transformers(self, tokenizer: TextTokenizer) -> None:
        """Take over what is known of a transformers model."""
        check_size(self.model, tokenizer.size)
        if self.token_inputs is not None and not self._config.has_token_types:
            self.token_inputs = self.token_inputs.without(TYPES)
        if not self._config.can_pad:
            self.texts_per_call = 1

    def _words_in(self, data: list[Any]) -> TextBatch:
        pairs = self.encoded(data, self._looked_up)
        counts = [0, *(len(numbers) for _, numbers in pairs)]
        return TextBatch(
            torch.tensor(
                [number for _, numbers in pairs for number in numbers],
                dtype=torch.int64,
                device=self.device,
            ),
            torch.tensor(counts[:-1], dtype=torch.int64, device=self.device).cumsum(0),
            [words for words, _ in pairs],
        )

    def _looked_up(self, text: str) -> tuple[list[str], list[int]]:
        words = self.words_of(text)
        return words, self._numbers_of(words)

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
