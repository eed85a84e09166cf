"""`source_vocab.pt`: which number a text model knows each of its words by."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import torch

from ts_sdk.errors import ConfigError, ModelFormatError, UnsafeWeightsError
from ts_sdk.formats import state_dict

UNKNOWN = "<unk>"
"""The entry that stands for every word that is not in a vocabulary, as torchtext names it."""

SHAPES = "a dict of word to number, or a list of words in the order of their numbers"


class Numbers(Protocol):
    """What a vocabulary must do: `Vocabulary`, and those of torchtext, do it."""

    def __getitem__(self, word: str, /) -> int:
        """The number of *word*, or that of unknown words; an error where there is neither."""


class Vocabulary(dict[str, int]):
    """Word → number; a word that is not there has the number of `UNKNOWN` where that is there."""

    def __missing__(self, word: str) -> int:
        if UNKNOWN in self and word != UNKNOWN:
            return self[UNKNOWN]
        raise KeyError(word)


def read_vocabulary(path: Path, *, trust_pickle: bool = False) -> Numbers:
    """The vocabulary in *path*.

    Args:
        path: What `torch.save` wrote: a dict of word to number, or a list of words in the order of
            their numbers.
        trust_pickle: Whether the file may be a pickle of anything else, and so run any code.

    Returns:
        A `Vocabulary`; of a trusted pickle what it holds, if that gives numbers for words.

    Raises:
        ConfigError: There is no such file, or it holds no vocabulary.
        UnsafeWeightsError: It is a pickle of something else, such as an object of torchtext.
        ModelFormatError: It is damaged, or what it names cannot be imported.
    """
    if not path.is_file():
        raise ConfigError(
            f"the archive does not hold {path.name}, the vocabulary of its text model: add it with "
            f"--extra-files; it is {SHAPES}, written by torch.save"
        )
    found = _load(path, trust_pickle=trust_pickle)
    if isinstance(found, Mapping):
        return _of_pairs(path, found.items())
    if isinstance(found, list | tuple):
        return _of_pairs(path, ((word, number) for number, word in enumerate(found)))
    if trust_pickle and hasattr(found, "__getitem__") and not isinstance(found, torch.Tensor | str):
        numbers: Numbers = found
        return numbers
    raise ConfigError(f"{path.name} holds a {type(found).__name__}; it must hold {SHAPES}")


def _load(path: Path, *, trust_pickle: bool) -> Any:  # noqa: ANN401 - a pickle holds anything
    try:
        return state_dict.load(path, torch.device("cpu"), trust_pickle=trust_pickle)
    except UnsafeWeightsError as error:
        raise UnsafeWeightsError(_refusal(path, error.globals), names=error.globals) from error
    except ModelFormatError as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and _is_of_torchtext(missing.name or ""):
            raise ModelFormatError(
                f"{path.name} is a vocabulary of torchtext, which is not installed here; "
                f"{_conversion(path)}"
            ) from error
        raise


def _refusal(path: Path, names: tuple[str, ...]) -> str:
    if any(map(_is_of_torchtext, names)):
        return f"{path.name} is a pickled vocabulary of torchtext; {_conversion(path)}"
    return (
        f"{path.name} is a pickle that wants to import {', '.join(names)}, so loading it could run "
        f"any code; save {SHAPES}, or, if you trust whoever made the file, load it with "
        "trust_pickle=True (--trust-pickle)"
    )


def _is_of_torchtext(name: str) -> bool:
    return name.partition(".")[0] == "torchtext"


def _conversion(path: Path) -> str:
    """What to run where torchtext, which is no longer made, can still be imported."""
    return (
        "run this once where torchtext is still installed, and pack the result in its place:\n"
        "    import torch\n"
        f"    vocab = torch.load({path.name!r})\n"
        "    torch.save(dict(vocab.get_stoi() if hasattr(vocab, 'get_stoi') else vocab.stoi), "
        f"{path.name!r})"
    )


def _of_pairs(path: Path, pairs: Iterable[tuple[object, object]]) -> Vocabulary:
    vocabulary = Vocabulary()
    for word, number in pairs:
        if not isinstance(word, str) or not _is_number(number):
            raise ConfigError(
                f"{path.name} has the entry {word!r}: {number!r}, but must hold {SHAPES}"
            )
        vocabulary[word] = number
    if not vocabulary:
        raise ConfigError(f"{path.name} holds no words; it must hold {SHAPES}")
    return vocabulary


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
