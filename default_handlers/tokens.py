"""`tokenizer.json`: a Hugging Face tokenizer, and how long a text may be for it.

The library that reads the file, `tokenizers`, is imported here only (extra ``text``).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ts_sdk.errors import ConfigError, LoadError, RequestError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

TOKENIZER = "tokenizer.json"

Truncation = Literal["on", "off", "error"]
"""What becomes of a text that is too long: cut, given to the model as it is, or refused."""
TRUNCATIONS: tuple[Truncation, ...] = get_args(Truncation)

_SETTINGS_FILE = "tokenizer_config.json"
_MODEL_FILE = "config.json"
_NO_LIMIT = 1_000_000
"""From here on, a model's longest text is transformers' way to say that there is none."""
_USUAL_PADDING = ("[PAD]", "<pad>")
MAX_TOKENISED = 1_000_000
"""Most characters of a text that are made tokens unless told otherwise: some seconds' work."""
_CHARACTERS_A_TOKEN = 16
_LEAST_CHARACTERS = 4096
_SAFE_CHARACTERS = 1024
"""How far from a token the text may be cut without the token's being another one for it."""
_SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """Where a token stands in its text.

    Attributes:
        start: Its first character.
        end: The one behind its last.
        is_known: Whether it is no stand-in for what the tokenizer does not know.
    """

    start: int
    end: int
    is_known: bool


@dataclass(frozen=True)
class Padding:
    """How texts of different lengths are made one tensor.

    Attributes:
        token: Number of the token that fills up.
        type: Token type of the filling.
        is_left: Whether it stands before the text.
        least: How long the shortest tensor is, in tokens.
        multiple: What the length is a multiple of.
        is_asked_for: Whether `tokenizer.json` asks for it, so that the model knows padding.
    """

    token: int = 0
    type: int = 0
    is_left: bool = False
    least: int = 1
    multiple: int = 1
    is_asked_for: bool = False

    def length(self, longest: int) -> int:
        """Tokens of a tensor that holds a text of *longest* tokens."""
        return -(-max(longest, self.least) // self.multiple) * self.multiple


class TextTokenizer:
    """Makes tokens of texts.

    Args:
        folder: Where `tokenizer.json` is, and beside it perhaps `tokenizer_config.json`.
        positions: How many tokens the model has positions for; None where that is not known.

    Attributes:
        padding: How texts of different lengths are made one tensor.
        max_length: Most tokens of a text, those that mark its ends included; None for any number.
        truncation: What becomes of a longer text.
        max_tokenised: Most characters of a text that are made tokens.

    Raises:
        LoadError: The library that reads it is not installed.
        ConfigError: The file is damaged.
    """

    def __init__(self, folder: Path, positions: int | None = None) -> None:
        self._tokenizer = _read(folder / TOKENIZER)
        beside = read_json(folder / _SETTINGS_FILE)
        self.padding = _padding(self._tokenizer, beside, read_json(folder / _MODEL_FILE))
        self.truncation: Truncation = "on"
        self.max_tokenised = MAX_TOKENISED
        in_file = self._tokenizer.truncation or {}
        side = in_file.get("direction") or beside.get("truncation_side")
        self._keeps_end = side == "left"
        self._positions = positions or _NO_LIMIT
        longest = _longest(in_file.get("max_length"), beside.get("model_max_length"), positions)
        self.max_length = None if longest is None else min(longest, self._positions)
        self._tokenizer.no_padding()
        self.limit(self.max_length, self.truncation)

    @property
    def size(self) -> int:
        """How many tokens there are, added ones included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def limit(self, max_length: int | None, truncation: Truncation) -> None:
        """Set `max_length` and `truncation`; not while texts are encoded.

        Raises:
            ValueError: Nothing would be left of a text, or more than the model takes.
        """
        marks = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if max_length is not None and max_length <= marks:
            raise ValueError(
                f"max_length must be more than {marks}, the number of tokens that mark the ends of "
                f"each text, not {max_length}"
            )
        if max_length is not None and max_length > self._positions:
            raise ValueError(
                f"max_length is {max_length}, and the model has positions for {self._positions} "
                "tokens"
            )
        self.max_length, self.truncation = max_length, truncation
        if max_length is None or truncation == "off":
            self._tokenizer.no_truncation()
        else:
            self._tokenizer.enable_truncation(
                max_length, direction="left" if self._keeps_end else "right"
            )

    def encode(self, text: str) -> "Encoding":
        """The tokens of *text*.

        Raises:
            RequestError: There are none, or too many where that is an error; too much of the text
                would have to be looked at; or it has half a character.
        """
        return self._encoded(text)[0]

    def spans(self, text: str) -> list[TokenSpan]:
        """Where the tokens that `encode` makes of *text* stand in it, without those that mark ends.

        Raises:
            RequestError: As `encode` does.
        """
        encoding, shift = self._encoded(text)
        unknown = self._unknown_token()
        return [
            TokenSpan(start + shift, end + shift, token != unknown)
            for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True)
            if start < end
        ]

    def _encoded(self, text: str) -> "tuple[Encoding, int]":
        """The tokens of *text*, and at which of its characters their offsets begin to count."""
        if not _is_whole(text):
            raise RequestError("expected text, got one with half a character (a lone surrogate)")
        encoding, shift = self._encode_enough(text)
        if encoding.overflowing and self.truncation == "error":
            raise RequestError(
                f"the text has more than {self.max_length:,} tokens, which the model takes at most "
                "(setting max_length): send a shorter one"
            )
        if not encoding.ids:
            raise RequestError("expected text, got one of which the tokenizer leaves nothing")
        return encoding, shift

    def _encode_enough(self, text: str) -> "tuple[Encoding, int]":
        """As `_encoded`; no more of the text is looked at than decides about the tokens."""
        if self.max_length is not None and self.truncation != "off":
            for length in self._lengths(len(text), self.max_length):
                part = text[-length:] if self._keeps_end else text[:length]
                encoding = self._tokenizer.encode(part)
                if encoding.overflowing and self._is_clear_of_the_cut(encoding, part):
                    return encoding, len(text) - length if self._keeps_end else 0
        if len(text) > self.max_tokenised:
            raise RequestError(
                f"the text has {len(text):,} characters, and more than the {self.max_tokenised:,} "
                "that are made tokens here would have to be (setting max_tokenised): send a "
                "shorter one"
            )
        return self._tokenizer.encode(text), 0

    def _lengths(self, characters: int, tokens: int) -> Iterator[int]:
        """How much of a text is tried, one after the other, before all of it is."""
        length = max(_LEAST_CHARACTERS, _CHARACTERS_A_TOKEN * tokens)
        most = min(characters, self.max_tokenised)
        while length < most:
            yield length
            length *= 4
        if most < characters:
            yield most

    def _is_clear_of_the_cut(self, encoding: "Encoding", part: str) -> bool:
        """Whether no token would be another one if more than this *part* of the text were there."""
        spans = [(start, end) for start, end in encoding.offsets if start < end]
        if self._keeps_end:
            # Behind a space words are whole again; in a cut one, pairs would be joined otherwise.
            first = min((start for start, _ in spans), default=0)
            return first >= _SAFE_CHARACTERS and _SPACE.search(part, 0, first) is not None
        return max((end for _, end in spans), default=len(part)) + _SAFE_CHARACTERS <= len(part)

    def _unknown_token(self) -> str | None:
        """The token that stands for what the tokenizer does not know; None where there is none."""
        model = json.loads(self._tokenizer.to_str())["model"]
        if model.get("unk_id") is not None:  # Unigram
            return str(model["vocab"][model["unk_id"]][0])
        unknown: str | None = model.get("unk_token")
        return unknown


def read_json(path: Path) -> Mapping[str, Any]:
    """The object in the JSON file at *path*; an empty one where there is none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> "Tokenizer":
    try:
        import tokenizers
    except ImportError as error:
        raise LoadError(
            f"{path.name} needs the library tokenizers, which cannot be imported ({error}): "
            "pip install 'ts-sdk[text]'",
            phase="read tokenizer",
        ) from error
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise ConfigError(
            f"{path.name} cannot be read by tokenizers {tokenizers.__version__}: {error}"
        ) from error


def _longest(*limits: Any) -> int | None:  # noqa: ANN401 - what stands in files
    """The first of *limits* that is one."""
    for limit in limits:
        if isinstance(limit, int | float) and 0 < limit < _NO_LIMIT:
            return int(limit)
    return None


def _padding(
    tokenizer: "Tokenizer", beside: Mapping[str, Any], model: Mapping[str, Any]
) -> Padding:
    asked = tokenizer.padding
    if asked:
        return Padding(
            token=asked["pad_id"],
            type=asked["pad_type_id"],
            is_left=asked["direction"] == "left",
            least=asked["length"] or 1,
            multiple=asked["pad_to_multiple_of"] or 1,
            is_asked_for=True,
        )
    named = beside.get("pad_token")
    name = named.get("content") if isinstance(named, Mapping) else named
    numbers = [tokenizer.token_to_id(name) if isinstance(name, str) else None]
    numbers += [model.get("pad_token_id"), *map(tokenizer.token_to_id, _USUAL_PADDING)]
    token = next((number for number in numbers if isinstance(number, int)), 0)
    return Padding(token=token, is_left=beside.get("padding_side") == "left")


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
