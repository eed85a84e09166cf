"""What TorchServe's text handlers took from its text utilities; see `ts_sdk.torchserve`."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from default_handlers import words
from default_handlers.contractions import EXPANSIONS

CONTRACTION_MAP = EXPANSIONS
"""Contraction → what it stands for, in lower case."""

CONTRACTIONS_PATTERN = re.compile(f"({'|'.join(map(re.escape, EXPANSIONS))})", re.IGNORECASE)
"""Finds contractions, also inside of longer words."""


def get_tokenizer(tokenizer: Any, language: str = "en") -> Callable[[str], list[str]]:  # noqa: ANN401 - see Args
    """A function that splits text into words.

    Args:
        tokenizer: ``basic_english``, None to split at spaces, or a function, which is returned.
        language: The text's language; ``basic_english`` is for ``en`` alone.

    Raises:
        ValueError: There is no such tokenizer, or not for this language.
    """
    if tokenizer is None:
        return str.split
    if callable(tokenizer):
        return tokenizer  # type: ignore[no-any-return] # the caller knows it
    if tokenizer != "basic_english" or language != "en":
        raise ValueError(
            f"there is no tokenizer {tokenizer!r} for the language {language!r}: give "
            "'basic_english' with 'en', None, or a function"
        )
    return words.basic_english


def ngrams_iterator(token_list: Sequence[str], ngrams: int) -> Iterator[str]:
    """The tokens, then all pairs of neighbours, and so on up to groups of *ngrams*."""
    return words.ngrams(token_list, ngrams)
