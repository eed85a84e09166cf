"""The methods that cover parts of the input and see what becomes of the score."""

from collections.abc import Callable
from typing import Any

import torch

from ts_sdk.explain.attributed import Attributed, Options, Tensors, delta_of
from ts_sdk.explain.captum import attr
from ts_sdk.explain.features import Features
from ts_sdk.explain.least_squares import LeastSquares
from ts_sdk.explain.memory import in_memory
from ts_sdk.explain.subject import Subject


def occlusion(subject: Subject, baselines: Tensors, options: Options) -> Attributed:
    """A window over each part of the picture, or each value, in turn."""
    windows = tuple(_window(each, options.cells) for each in subject.inputs)
    strides = tuple(
        tuple(max(1, side // 2) if place else side for place, side in enumerate(each))
        for each in windows
    )
    method = attr().Occlusion(subject.scores)
    return _perturbed(
        lambda rows: method.attribute(
            subject.inputs, windows, strides, baselines, perturbations_per_eval=rows
        ),
        subject,
        options,
    )


def _window(tensor: torch.Tensor, cells: int) -> tuple[int, ...]:
    shape = tensor.shape[1:]
    if len(shape) != 3:  # noqa: PLR2004 - channels, rows and columns
        return (1,) * len(shape)
    return (shape[0], *(max(1, -(-2 * side // cells)) for side in shape[1:]))


def ablation(subject: Subject, baselines: Tensors, options: Options) -> Attributed:
    """Each part in turn."""
    masks = Features.of(subject.inputs, options, options.cells).masks
    method = attr().FeatureAblation(subject.scores)
    return _perturbed(
        lambda rows: method.attribute(
            subject.inputs, baselines, feature_mask=masks, perturbations_per_eval=rows
        ),
        subject,
        options,
    )


def shapley(subject: Subject, baselines: Tensors, options: Options) -> Attributed:
    """The parts in random orders, each added to those before it."""
    features = Features.of(subject.inputs, options, options.cells // 2 or 1)
    method = attr().ShapleyValueSampling(subject.scores)
    found = _perturbed(
        lambda rows: method.attribute(
            subject.inputs,
            baselines,
            feature_mask=features.masks,
            n_samples=options.samples or 25,
            perturbations_per_eval=rows,
        ),
        subject,
        options,
    )
    shared = features.shared(found.attributions)
    return Attributed(shared, delta_of(subject, shared, baselines))


def kernel_shap(subject: Subject, baselines: Tensors, options: Options) -> Attributed:
    """Random sets of parts, and the linear model that fits them best."""
    features = Features.of(subject.inputs, options, options.cells // 2 or 1)
    if features.count == 1:  # to which all of the change belongs; Captum draws from no coalitions
        return ablation(subject, baselines, options)
    method = attr().KernelShap(subject.scores)
    method.interpretable_model = LeastSquares()
    found = _perturbed(
        lambda rows: method.attribute(
            subject.inputs,
            baselines,
            feature_mask=features.masks,
            n_samples=options.samples or max(200, 4 * features.count),
            perturbations_per_eval=rows,
        ),
        subject,
        options,
    )
    return Attributed(features.shared(found.attributions))


def _perturbed(run: Callable[[int], Any], subject: Subject, options: Options) -> Attributed:
    with torch.no_grad():
        found = in_memory(run, subject, options.rows_at_once, most=64, gradients=False)
    return Attributed(tuple(each.detach().float() for each in found))
