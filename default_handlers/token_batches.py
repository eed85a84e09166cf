"""The tokens of several texts as the tensors that a model asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from default_handlers.tokens import Padding
from ts_sdk.errors import ConfigError
from ts_sdk.tensors.model_inputs import inputs_of
from ts_sdk.tensors.rows import NamedInputs

if TYPE_CHECKING:
    from tokenizers import Encoding

IDS = "input_ids"
MASK = "attention_mask"
TYPES = "token_type_ids"
_POSITIONS = ("position_embeddings", "wpe")
"""What transformers' models, and those that are modelled on them, call the table of positions."""


@dataclass(frozen=True)
class TokenInputs:
    """How a model is given tokens.

    Attributes:
        names: Those of `IDS`, `MASK` and `TYPES` that it asks for, in any order; None for a model
            with one input of another name.
    """

    names: tuple[str, ...] | None

    @classmethod
    def of(cls, model: Any) -> "TokenInputs":  # noqa: ANN401 - a handler may keep anything that can be called
        """What *model* asks for, by the names in the signature of its forward.

        Raises:
            ConfigError: It asks for something else.
        """
        inputs = inputs_of(model)
        if not inputs.names:
            return cls((IDS, MASK))
        if IDS not in inputs.names and len(inputs.required) <= 1:
            return cls(None)
        names = tuple(name for name in (IDS, MASK, TYPES) if name in inputs.names)
        others = sorted(inputs.required.difference(names))
        if others:
            raise ConfigError(
                f"the model asks for {', '.join(others)}; the text handlers give {IDS}, {MASK} and "
                f"{TYPES}: rename the parameters of its forward"
            )
        return cls(names)

    @property
    def has_mask(self) -> bool:
        """Whether the model is told what is padding."""
        return self.names is not None and MASK in self.names

    def without(self, name: str) -> "TokenInputs":
        """The same, but *name* is left out."""
        return TokenInputs(self.names and tuple(each for each in self.names if each != name))


def positions_in(model: Any) -> int | None:  # noqa: ANN401 - as above
    """How many tokens *model* has learned positions for; None where it does not say."""
    if not isinstance(model, nn.Module):
        return None
    found = [
        # As RoBERTa has it, positions are counted from behind that of padding.
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for name, table in model.named_modules()
        if name.rpartition(".")[2] in _POSITIONS and isinstance(table, nn.Embedding)
    ]
    return min(found, default=None)


class TokenCall(NamedTuple):
    """One call of the model.

    Attributes:
        places: Which texts of the batch are in it.
        given: The input, ``(N, L)`` int64, or several by name.
    """

    places: list[int]
    given: torch.Tensor | NamedInputs


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """What the model is given, and the tokens behind it.

    Attributes:
        calls: The calls in which the texts go through it; one, unless they are many.
        encodings: The tokens of each text, with where they stand in it.
    """

    calls: list[TokenCall]
    encodings: "list[Encoding]"

    def in_order(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """The rows of the *outputs* of the calls, in the order of the texts."""
        places = torch.tensor([place for call in self.calls for place in call.places])
        joined = torch.cat(list(outputs))
        return joined[places.argsort().to(joined.device)]


def token_batch(
    encodings: "list[Encoding]",
    inputs: TokenInputs,
    padding: Padding,
    *,
    at_once: int,
    device: Any,  # noqa: ANN401 - whatever torch takes for one
) -> TokenBatch:
    """The tensors for the tokens of some texts.

    A model that is not told what is padding would count it in, so that it is only given texts of
    one length together, unless `tokenizer.json` asks for padding.

    Args:
        encodings: The tokens of each text.
        inputs: What the model asks for.
        padding: How texts of different lengths are made one tensor.
        at_once: Most texts in one call.
        device: Where the tensors shall be.
    """
    can_pad = inputs.has_mask or padding.is_asked_for
    calls = [
        TokenCall(places, _given([encodings[place] for place in places], inputs, padding, device))
        for places in _together([len(each.ids) for each in encodings], at_once, can_pad=can_pad)
    ]
    return TokenBatch(calls, encodings)


def _together(lengths: Sequence[int], at_once: int, *, can_pad: bool) -> Iterator[list[int]]:
    """Which texts go through the model in one call; those of about one length, if not all do."""
    places = list(range(len(lengths)))
    if len(places) > at_once or not can_pad:
        places.sort(key=lengths.__getitem__)
    groups = (
        [places] if can_pad else [list(each) for _, each in groupby(places, lengths.__getitem__)]
    )
    for group in groups:
        for start in range(0, len(group), at_once):
            yield group[start : start + at_once]


def _given(
    encodings: "Sequence[Encoding]",
    inputs: TokenInputs,
    padding: Padding,
    device: Any,  # noqa: ANN401 - as above
) -> torch.Tensor | NamedInputs:
    length = max(len(each.ids) for each in encodings)
    if inputs.has_mask or padding.is_asked_for:
        length = padding.length(length)

    def tensor(rows: Sequence[Sequence[int]], filling: int) -> torch.Tensor:
        filled = [_filled(row, length, filling, padding) for row in rows]
        return torch.tensor(filled, dtype=torch.int64, device=device)

    ids = tensor([each.ids for each in encodings], padding.token)
    if inputs.names is None:
        return ids
    named = NamedInputs()
    for name in inputs.names:
        if name == IDS:
            named[name] = ids
        elif name == MASK:
            named[name] = tensor([[1] * len(each.ids) for each in encodings], 0)
        else:
            named[name] = tensor([each.type_ids for each in encodings], padding.type)
    return named


def _filled(row: Sequence[int], length: int, filling: int, padding: Padding) -> list[int]:
    more = [filling] * (length - len(row))
    return [*more, *row] if padding.is_left else [*row, *more]
