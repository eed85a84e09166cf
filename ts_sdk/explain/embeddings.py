"""Tokens and their vectors: which layer gives them, and how it is made to give others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class TokenTable:
    """The layer that gives tokens their vectors.

    Attributes:
        layer: An `Embedding` or an `EmbeddingBag`.
        vectors: Those of the request's tokens, ``(1, T, D)``.
        nothing: The vectors that stand for no token, of the same shape.
    """

    layer: nn.Embedding | nn.EmbeddingBag
    vectors: torch.Tensor
    nothing: torch.Tensor


def table_for(module: nn.Module, ids: torch.Tensor, run: Callable[[], object]) -> TokenTable | None:
    """The layer in *module* that is given *ids* when it runs; None where there is none.

    Args:
        module: The model.
        ids: The tokens, ``(1, T)`` or, in a bag, ``(T,)``.
        run: Calls it with them.
    """
    found: list[nn.Embedding | nn.EmbeddingBag] = []

    def note(layer: Any, given: tuple[Any, ...]) -> None:  # noqa: ANN401 - as torch calls it
        if given and isinstance(given[0], torch.Tensor) and torch.equal(given[0], ids):
            found.append(layer)

    layers = [each for each in module.modules() if isinstance(each, nn.Embedding | nn.EmbeddingBag)]
    hooks = [each.register_forward_pre_hook(note) for each in layers]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        return None
    layer = found[0]
    vectors = layer.weight.detach()[ids].reshape(1, -1, layer.weight.shape[1])
    padding = layer.padding_idx if isinstance(layer, nn.Embedding) else None
    nothing = torch.zeros_like(vectors)
    if padding is not None:
        nothing = layer.weight.detach()[padding].expand_as(vectors).clone()
    return TokenTable(layer, vectors, nothing)


@contextmanager
def feeding(table: TokenTable, vectors: torch.Tensor) -> Iterator[None]:
    """Have the layer give *vectors*, ``(N, T, D)``, in place of its own, once."""

    def give(layer: Any, *_: object) -> torch.Tensor:  # noqa: ANN401 - as torch calls it
        if isinstance(layer, nn.Embedding):
            return vectors
        rows, tokens, width = vectors.shape
        return functional.embedding_bag(
            torch.arange(rows * tokens, device=vectors.device),
            vectors.reshape(rows * tokens, width),
            torch.arange(rows, device=vectors.device) * tokens,
            mode=layer.mode,
        )

    hook = table.layer.register_forward_hook(give)
    try:
        yield
    finally:
        hook.remove()
