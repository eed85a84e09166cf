"""What classifiers and segmenters answer: scores of classes, and what these stand for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch

from ts_sdk.errors import HandlerContractError
from ts_sdk.handler import BaseHandler

Activation = Literal["softmax", "sigmoid", "none"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
"""What makes probabilities of scores."""

NO_NUMBERS = "the model's scores for this input are NaN or infinite"
NO_NUMBERS_STATUS = 500
"""How a request is rejected for which a model answers no numbers."""


def class_probabilities(output: Any, activation: Activation = "softmax") -> torch.Tensor:  # noqa: ANN401 - whatever the model answers
    """The probabilities of the classes, from a classifier's output.

    Args:
        output: Scores ``(B, K)`` or ``(B, K, 1, …)``; or a tuple whose first element, or a dict or
            an object whose ``logits``, they are.
        activation: What makes probabilities of the scores.

    Returns:
        The probabilities, ``(B, K)`` float32; for K = 1 those of class 0 and 1, ``(B, 2)``.

    Raises:
        HandlerContractError: There are no such scores.
    """
    return probabilities(class_scores(output), activation)


def class_scores(output: Any) -> torch.Tensor:  # noqa: ANN401 - as above
    """The scores ``(B, K)`` in a classifier's output; see `class_probabilities`.

    Raises:
        HandlerContractError: There are none.
    """
    scores = tensor_in(output, ("logits",))
    if scores is not None and scores.ndim > 1 and scores.shape[1] > 0:
        flat = scores.flatten(1)
        if flat.shape[1] == scores.shape[1]:
            return flat
    raise HandlerContractError(
        "a classifier needs a model that answers scores (B, classes), a tuple that starts with "
        f"them or a dict with them as 'logits'; it answered {described(output)}"
    )


def probabilities(scores: torch.Tensor, activation: Activation = "softmax") -> torch.Tensor:
    """The probabilities of the classes.

    Args:
        scores: ``(B, K, …)``; K = 1 is taken for the score of class 1 against class 0.
        activation: ``"softmax"`` over the classes, ``"sigmoid"`` of each for itself, or ``"none"``
            where the model answers probabilities.

    Returns:
        ``(B, K, …)`` float32; for K = 1 those of class 0 and 1, ``(B, 2, …)``.
    """
    scores = scores.to(torch.float32)
    if scores.shape[1] == 1:
        second = foreground(scores, activation)
        first = 1 - scores if activation == "none" else torch.sigmoid(-scores)
        return torch.cat([first, second], dim=1)
    if activation == "softmax":
        return torch.softmax(scores, dim=1)
    return foreground(scores, activation)


def foreground(scores: torch.Tensor, activation: Activation) -> torch.Tensor:
    """The probability of each score's class against all else, float32."""
    scores = scores.to(torch.float32)
    return scores if activation == "none" else torch.sigmoid(scores)


def tensor_in(output: Any, names: Sequence[str]) -> torch.Tensor | None:  # noqa: ANN401 - as above
    """The tensor that *output* is, starts with, or has under the first of *names* that is there."""
    found = output
    if isinstance(output, Mapping):
        found = next((output[name] for name in names if name in output), None)
    elif isinstance(output, list | tuple):
        found = output[0] if output else None
    elif not isinstance(output, torch.Tensor):
        found = next((getattr(output, name) for name in names if hasattr(output, name)), None)
    return found if isinstance(found, torch.Tensor) else None


def reject_without_numbers(handler: BaseHandler, values: Iterable[torch.Tensor]) -> None:
    """Reject the requests for which *values*, one tensor a request, hold NaN or infinity."""
    for index in without_numbers(values):
        handler.reject(index, NO_NUMBERS, status=NO_NUMBERS_STATUS)


def without_numbers(values: Iterable[torch.Tensor]) -> list[int]:
    """The places of those *values* that hold NaN or infinity."""
    return [place for place, value in enumerate(values) if not value.isfinite().all()]


def joined(outputs: Sequence[Any]) -> Any:  # noqa: ANN401 - a model gives tensors, tuples or dicts
    """The outputs for single rows, as the model would have answered for a batch.

    Raises:
        HandlerContractError: They are nothing that can be joined.
    """
    first = outputs[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(outputs))
    if isinstance(first, dict):
        return {key: joined([output[key] for output in outputs]) for key in first}
    if isinstance(first, list | tuple):
        return [joined(parts) for parts in zip(*outputs, strict=True)]
    raise HandlerContractError(f"cannot join outputs of type {type(first).__name__} to a batch")


def described(output: object) -> str:
    """What a model answered, for saying that something else was expected."""
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"a dict with the keys {', '.join(map(repr, output))}"
    if isinstance(output, list | tuple) and output:
        return f"a {type(output).__name__} that starts with {described(output[0])}"
    return f"a {type(output).__name__}"
