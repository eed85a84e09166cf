"""`text_classifier`: the classes of a text."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from default_handlers.labels import as_mapping, as_records
from default_handlers.parts import value_of
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
from default_handlers.text import EXPECTED, TextHandler
from default_handlers.text_marks import MOST_DRAWN, Mark, marks_of_tokens, marks_of_words
from default_handlers.token_batches import TYPES, TokenBatch, TokenInputs, token_batch
from default_handlers.tokens import TOKENIZER, TextTokenizer
from default_handlers.transformers_folder import (
    TransformersConfig,
    check_size,
    is_of_transformers,
    is_weights_file,
    load_classifier,
)
from default_handlers.word_batches import TextBatch, WordNumbers, text_batch
from ts_sdk.timing import timed

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from ts_sdk.context import Context

_ANSWERS = {"torchserve": as_mapping, "records": as_records}


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
        if self.text_tokenizer is None:
            settings.idle(["texts_per_call"], "the model is given all words at once")

    @timed
    def preprocess(self, data: list[Any]) -> TextBatch | TokenBatch:
        """Read the texts of a batch and look their words up, or make tokens of them.

        Args:
            data: One row a request.

        Returns:
            The words and their numbers, or the tokens, without the rows that were rejected.
        """
        if self.text_tokenizer is None:
            return text_batch(self.encoded(data, self._looked_up), self.device)
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

    def draw(self, answer: Any, given: Any) -> "Image.Image":  # noqa: ANN401 - as it was answered and sent
        """The text with a bar for each class in its answer.

        What the model does not know is grey, and what was cut off for it is struck out. Which words
        made the answer what it is, only an explanation tells.

        Args:
            answer: What was answered.
            given: What was sent: the request's row, or the text itself.
        """
        from default_handlers.drawing.answers import ranked_in
        from default_handlers.drawing.texts import draw_text, draw_texts

        value = value_of(given, EXPECTED)
        if not isinstance(value, list | tuple):
            text = self.text_of(given)
            return draw_text(text, self._marks_in(text), ranked_in(answer))
        texts = [self.text_of(each) for each in value]
        rows = zip(texts, map(self._marks_in, texts), map(ranked_in, answer), strict=True)
        return draw_texts(rows, len(texts))

    def _marks_in(self, text: str) -> list[Mark]:
        """What the parts of *text* are for the model."""
        if self.text_tokenizer is not None:
            return marks_of_tokens(text, self.text_tokenizer.spans(text))
        # No more is drawn, and to look at all of a long text takes seconds.
        return marks_of_words(text[:MOST_DRAWN], self.words_of, self._word_numbers.knows)

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
        importances = self._word_numbers.per_word(words, found)
        return [{"importances": importances, "words": self.get_word_token(words)}]

    def explained_words(self, row: Any) -> list[str]:  # noqa: ANN401 - a row holds what was sent
        """What the tokens that the model is given for *row* stand for, neighbours together."""
        text = self.text_of(row)
        if self.text_tokenizer is not None:
            words = self.get_word_token(list(self.text_tokenizer.encode(text).tokens))
            return ["" if word is None else word for word in self._padded(words)]
        return [group for group, _ in self._word_numbers.places(self.words_of(text))]

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

    def _looked_up(self, text: str) -> tuple[list[str], list[int]]:
        words = self.words_of(text)
        return words, self._word_numbers.of(words)

    @property
    def _word_numbers(self) -> WordNumbers:
        return WordNumbers(self.source_vocab, self.ngrams)

    def _ranked(self, probabilities: torch.Tensor) -> Iterator[tuple[int, float]]:
        if self.topk is None:
            return enumerate(probabilities.tolist())
        best = probabilities.topk(min(self.topk, len(probabilities)))
        return zip(best.indices.tolist(), best.values.tolist(), strict=True)
