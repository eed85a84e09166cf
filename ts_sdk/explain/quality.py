"""How far attributions can be trusted: Captum's infidelity and sensitivity."""

from collections.abc import Callable
from typing import Any

import torch

from ts_sdk.explain.captum import metrics
from ts_sdk.explain.subject import Subject

Tensors = tuple[torch.Tensor, ...]

_NOISE = 0.05
"""Of the input's standard deviation, that infidelity changes it by."""
_DRAWS = 10


def infidelity_of(subject: Subject, attributions: Tensors) -> float:
    """The mean squared error of what the attributions foretell of small changes of the input."""

    def perturb(inputs: torch.Tensor | Tensors) -> Any:  # noqa: ANN401 - as Captum takes it
        if isinstance(inputs, torch.Tensor):  # where there is one
            noise, moved = _moved(inputs)
            return noise, moved
        pairs = [_moved(each) for each in inputs]
        return tuple(noise for noise, _ in pairs), tuple(moved for _, moved in pairs)

    # Captum multiplies attributions with the change: they have to be per unit of the input.
    with torch.no_grad():
        found = metrics().infidelity(
            subject.scores,
            perturb,
            subject.inputs,
            attributions,
            n_perturb_samples=_DRAWS,
            normalize=True,
        )
    return float(found[0])


def _moved(tensor: torch.Tensor) -> Tensors:
    """A small change of each value, and what is left without it."""
    noise = torch.randn_like(tensor) * _NOISE * tensor.std(unbiased=False).clamp(min=1e-6)
    return noise, tensor - noise


def sensitivity_of(subject: Subject, explain: Callable[[Tensors], Tensors]) -> float:
    """The most that attributions change, as a share of their length, for a nearby input."""
    found = metrics().sensitivity_max(
        explain, subject.inputs, n_perturb_samples=3, max_examples_per_batch=1
    )
    return float(found[0])
