"""`TextHandler`: from texts in requests to words; what the text handlers share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from default_handlers.contractions import expand_contractions
from default_handlers.parts import described, value_of
from default_handlers.settings import Settings
from default_handlers.vocabulary import read_vocabulary
from default_handlers.words import basic_english, without_accents, without_html, without_punctuation
from ts_sdk.errors import RequestError
from ts_sdk.handler import BaseHandler

if TYPE_CHECKING:
    from ts_sdk.context import Context

SOURCE_VOCAB = "source_vocab.pt"
MAX_CHARACTERS = 6_553_500
"""Longest text unless told otherwise: as many bytes as TorchServe took in a request by default."""

_EXPECTED = "expected text, as UTF-8 or as a JSON string,"


class TextHandler(BaseHandler):
    """Reads texts and splits them into words.

    A row holds a text, or its UTF-8 bytes. A request that holds neither is rejected alone: call
    `text_of` for that. What becomes of a text, one step after the other, is in `words_of`; each
    step is a method that a subclass may override, and so is `tokenizer`. Setting
    ``max_characters``.

    Attributes:
        source_vocab: Word → number, from `source_vocab.pt`, set by `initialize`.
        tokenizer: What splits a prepared text into words.
        input_text: Nothing here writes it; TorchServe's name for a subclass to keep a text under.
        max_characters: Most characters that a text may have.
    """

    source_vocab: Any = None
    tokenizer: Callable[[str], list[str]] = staticmethod(basic_english)
    input_text: Any = None
    max_characters: int = MAX_CHARACTERS

    def initialize(self, context: "Context") -> None:
        """Load the model, the class names, the vocabulary and the settings.

        Raises:
            LoadError: The model or the vocabulary cannot be loaded, or a setting is wrong.
        """
        super().initialize(context)
        settings = Settings(self.settings, beside=self.model_yaml_config)
        self.read_settings(settings)
        settings.check()
        self.source_vocab = read_vocabulary(
            Path(self.get_source_vocab_path(context)),
            trust_pickle=bool(context.system_properties.get("trust_pickle")),
        )

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say; subclasses read theirs after these."""
        self.max_characters = settings.whole("max_characters", self.max_characters)

    def get_source_vocab_path(self, ctx: "Context") -> str:
        """Where the vocabulary is: `source_vocab.pt`, or what an old manifest calls it."""
        named = ctx.manifest["model"].get("sourceVocab") or SOURCE_VOCAB
        return str(Path(ctx.system_properties["model_dir"], named))

    def text_of(self, row: Any) -> str:  # noqa: ANN401 - a row holds what was sent
        """The text that was sent in *row*.

        Raises:
            RequestError: There is none; it is empty, too long, or not UTF-8.
        """
        value = value_of(row, _EXPECTED)
        if isinstance(value, bytes | bytearray | memoryview):
            value = _decoded(bytes(value))
        if not isinstance(value, str):
            raise RequestError(f"{_EXPECTED} got {described(value)}")
        if len(value) > self.max_characters:
            raise RequestError(
                f"the text has {len(value):,} characters; at most {self.max_characters:,} are read "
                "here (setting max_characters): send a shorter one"
            )
        if not value.strip():
            raise RequestError(f"{_EXPECTED} got an empty one")
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


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(
            f"{_EXPECTED} got {len(data):,} bytes that are not UTF-8: the first wrong one is "
            f"0x{data[error.start]:02x} at position {error.start:,}"
        ) from error
