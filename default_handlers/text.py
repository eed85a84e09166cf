"""`TextHandler`: from texts in requests to words or tokens; what the text handlers share."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from default_handlers.contractions import expand_contractions
from default_handlers.parts import described, value_of
from default_handlers.setting_names import owner_of
from default_handlers.settings import Settings
from default_handlers.texts import Texts, note, texts_of_batch
from default_handlers.token_batches import positions_in
from default_handlers.tokens import (
    MAX_TOKENISED,
    TOKENIZER,
    TRUNCATIONS,
    TextTokenizer,
    Truncation,
)
from default_handlers.vocabulary import SHAPES, read_vocabulary
from default_handlers.words import basic_english, without_accents, without_html, without_punctuation
from ts_sdk.config import handler_section
from ts_sdk.errors import ConfigError, RequestError
from ts_sdk.handler import BaseHandler

if TYPE_CHECKING:
    from ts_sdk.context import Context

SOURCE_VOCAB = "source_vocab.pt"
MAX_CHARACTERS = 6_553_500
"""Longest text unless told otherwise: as many bytes as TorchServe took in a request by default."""

EXPECTED = "expected text, as UTF-8 or as a JSON string,"
"""The start of the message about what is none."""
_T = TypeVar("_T")


class TextHandler(BaseHandler):
    """Reads texts and splits them into words, or into the tokens of a Hugging Face tokenizer.

    Which of them, the archive's files say: `source_vocab.pt` or `tokenizer.json`.

    A row holds a text, its UTF-8 bytes, or a list of texts. A request that holds none of these is
    rejected alone: `encoded` does that. What becomes of a text, one step after the other, is in
    `words_of`; each step is a method that a subclass may override, and so is `tokenizer`. Settings
    ``max_characters`` and ``max_texts``, and for tokens ``max_length``, ``truncation`` and
    ``max_tokenised``.

    Attributes:
        source_vocab: Word → number, from `source_vocab.pt`, set by `initialize`; None where there
            is a `tokenizer.json`.
        text_tokenizer: What `tokenizer.json` holds, set by `initialize`; None without one.
        tokenizer: What splits a prepared text into words.
        input_text: Nothing here writes it; TorchServe's name for a subclass to keep a text under.
        max_characters: Most characters that the texts of a request may have together.
        max_texts: Most texts in one request.
        max_length: Most tokens of a text; None for as many as the tokenizer's files say.
        truncation: What becomes of a text with more: ``"on"`` cuts it, ``"off"`` gives the model
            all of it, ``"error"`` rejects it.
        max_tokenised: Most characters of a text that are made tokens; a text of which more would
            have to be is rejected.
        answers_several: Whether this class's `postprocess` joins the answers to several texts of
            one request with `by_request`. It is not inherited by a class with a `postprocess` of
            its own: there, such a request is rejected.
    """

    answers_several: ClassVar[bool] = False

    source_vocab: Any = None
    text_tokenizer: TextTokenizer | None = None
    tokenizer: Callable[[str], list[str]] = staticmethod(basic_english)
    input_text: Any = None
    max_characters: int = MAX_CHARACTERS
    max_texts: int = 1000
    max_length: int | None = None
    truncation: Truncation = "on"
    max_tokenised: int = MAX_TOKENISED

    def initialize(self, context: "Context") -> None:
        """Load the model, the class names, the vocabulary or the tokenizer, and the settings.

        Raises:
            LoadError: One of them cannot be loaded, there is no vocabulary and no tokenizer, or
                both, or a setting is wrong.
        """
        super().initialize(context)
        vocabulary = Path(self.get_source_vocab_path(context))
        folder = Path(context.system_properties["model_dir"])
        if _has_tokenizer(folder, vocabulary):
            self.text_tokenizer = TextTokenizer(folder, positions_in(self.model))
        settings = Settings(
            _with_words(handler_section(self.model_yaml_config)),
            self.model_yaml_config,
            owner_of(self),
        )
        self.read_settings(settings)
        settings.check()
        if self.text_tokenizer is None:
            trusted = bool(context.system_properties.get("trust_pickle"))
            self.source_vocab = read_vocabulary(vocabulary, trust_pickle=trusted)

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say; subclasses read theirs after these."""
        self.max_characters = settings.whole("max_characters", self.max_characters)
        self.max_texts = settings.whole("max_texts", self.max_texts)
        self.max_length = settings.whole("max_length", self.max_length)
        self.truncation = settings.word("truncation", self.truncation, TRUNCATIONS)
        self.max_tokenised = settings.whole("max_tokenised", self.max_tokenised)
        if self.text_tokenizer is None:
            for name in settings.given(["max_length", "truncation", "max_tokenised"]):
                settings.problem(
                    f"{name} would have no effect, since texts are looked up in {SOURCE_VOCAB}, "
                    f"word by word: it is for {TOKENIZER}"
                )
            return
        if self.truncation == "off":
            settings.idle(["max_length"], "no text is cut (truncation: off)")
        self.text_tokenizer.max_tokenised = self.max_tokenised
        try:
            self.text_tokenizer.limit(
                self.max_length or self.text_tokenizer.max_length, self.truncation
            )
        except ValueError as error:
            settings.problem(str(error))

    def get_source_vocab_path(self, ctx: "Context") -> str:
        """Where the vocabulary is: `source_vocab.pt`, or what an old manifest calls it."""
        named = ctx.manifest["model"].get("sourceVocab") or SOURCE_VOCAB
        return str(Path(ctx.system_properties["model_dir"], named))

    def encoded(self, data: Sequence[Any], encode: Callable[[str], _T]) -> list[_T]:
        """What *encode* makes of the texts of a batch; requests that it refuses are rejected.

        Args:
            data: One row a request.
            encode: Makes something of one text, or raises `RequestError`.

        Returns:
            One item a text; `by_request` knows which request each belongs to.
        """
        texts = Texts()
        found: list[_T] = []
        for index, row in enumerate(data):
            try:
                value = value_of(row, EXPECTED)
                is_several = isinstance(value, list | tuple)
                items = self._each(value, encode) if is_several else [encode(self.text_of(row))]
            except RequestError as error:
                self.reject(index, error.message, status=error.status)
                continue
            texts.add(len(items), is_several=is_several)
            found += items
        note(texts)
        return found

    def by_request(self, answers: list[Any]) -> list[Any]:
        """Join the answers to several texts of one request to a list.

        Args:
            answers: One answer a text, in the order of the batch.

        Returns:
            One answer a request.
        """
        texts = texts_of_batch(len(answers))
        return answers if texts is None else texts.by_request(answers)

    def reject_texts(
        self, places: Sequence[int], count: int, message: str, *, status: int = 400
    ) -> None:
        """Refuse the requests that have these of the batch's *count* texts, in `postprocess`."""
        texts = texts_of_batch(count)
        for row in sorted(set(places) if texts is None else texts.requests_of(places)):
            self.reject(row, message, status=status)

    def text_of(self, row: Any) -> str:  # noqa: ANN401 - a row holds what was sent
        """The text that was sent in *row*, which holds one.

        Raises:
            RequestError: There is none; it is empty, too long, or not UTF-8.
        """
        value = value_of(row, EXPECTED)
        if isinstance(value, bytes | bytearray | memoryview):
            value = _decoded(bytes(value))
        if not isinstance(value, str):
            raise RequestError(f"{EXPECTED} got {described(value)}")
        self._check_length(len(value))
        if not value.strip():
            raise RequestError(f"{EXPECTED} got an empty one")
        return value

    def words_of(self, text: str) -> list[str]:
        """The words of *text*: no HTML, contractions, accents or punctuation, and in lower case."""
        text = self._remove_html_tags(text)
        text = self._lowercase_text(text)
        text = self._expand_contractions(text)
        text = self._remove_accented_characters(text)
        text = self._remove_punctuation(text)
        return self._tokenize(text)

    def get_word_token(self, input_tokens: list[str]) -> list[str]:
        """The words that tokens stand for: without the mark of GPT-2's tokenizer for a space."""
        return [token.replace("\u0120", "") for token in input_tokens]

    def _each(self, values: Sequence[Any], encode: Callable[[str], _T]) -> list[_T]:
        """What *encode* makes of each text in a list."""
        count = len(values)
        owner = next(each for each in type(self).__mro__ if "postprocess" in vars(each))
        if not vars(owner).get("answers_several", False):
            raise RequestError(f"expected one text, got a list of {count}: send each in a request")
        if not 1 <= count <= self.max_texts:
            raise RequestError(
                f"expected 1 to {self.max_texts:,} texts in a list (setting max_texts), got "
                f"{count:,}"
            )
        self._check_length(sum(len(each) for each in values if isinstance(each, str | bytes)))
        items = []
        for number, value in enumerate(values, start=1):
            try:
                items.append(encode(self.text_of(value)))
            except RequestError as error:
                problem = f"text {number} of {count}: {error.message}"
                raise RequestError(problem, status=error.status) from error
        return items

    def _check_length(self, characters: int) -> None:
        if characters > self.max_characters:
            raise RequestError(
                f"the text has {characters:,} characters; at most {self.max_characters:,} are read "
                "here (setting max_characters): send a shorter one"
            )

    def _remove_html_tags(self, text: str) -> str:
        return without_html(text)

    def _lowercase_text(self, text: str) -> str:
        return text.lower()

    def _expand_contractions(self, text: str) -> str:
        return expand_contractions(text).replace("'", "")

    def _remove_accented_characters(self, text: str) -> str:
        return without_accents(text)

    def _remove_punctuation(self, text: str) -> str:
        return without_punctuation(text)

    def _remove_puncutation(self, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - as the method that it calls
        """The old misspelt name of `_remove_punctuation`."""
        return self._remove_punctuation(*args, **kwargs)

    def _tokenize(self, text: str) -> list[str]:
        return self.tokenizer(text)


def _has_tokenizer(folder: Path, vocabulary: Path) -> bool:
    """Whether the archive's texts become tokens; when not, its words have numbers."""
    has_tokenizer = (folder / TOKENIZER).is_file()
    if has_tokenizer and vocabulary.is_file():
        raise ConfigError(
            f"the archive holds both {vocabulary.name} and {TOKENIZER}: leave out the one that the "
            "model was not trained with"
        )
    if not has_tokenizer and not vocabulary.is_file():
        raise ConfigError(
            f"the archive does not hold {vocabulary.name} ({SHAPES}, written by torch.save) nor "
            f"{TOKENIZER} (of a Hugging Face tokenizer: save_pretrained of a fast one writes it): "
            "add the one that the model was trained with by --extra-files"
        )
    return has_tokenizer


def _with_words(section: Mapping[str, Any]) -> dict[str, Any]:
    """*section* with the words ``on`` and ``off``, which YAML takes for truth values."""
    words = {True: "on", False: "off"}
    given = section.get("truncation")
    return {**section, "truncation": words[given]} if isinstance(given, bool) else dict(section)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(
            f"{EXPECTED} got {len(data):,} bytes that are not UTF-8: the first wrong one is "
            f"0x{data[error.start]:02x} at position {error.start:,}"
        ) from error
