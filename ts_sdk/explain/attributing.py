"""The methods themselves: Captum's, on a `Subject`, in memory that there is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch

from ts_sdk.errors import ExplanationError
from ts_sdk.explain import covering, seeing
from ts_sdk.explain.attributed import Attributed, Options, Tensors, change, delta_of
from ts_sdk.explain.captum import attr
from ts_sdk.explain.memory import in_memory
from ts_sdk.explain.methods import Method
from ts_sdk.explain.subject import Subject

_FALSE = 1e-2
"""By how much of the score's change attributions may miss it that are said to add up to it."""


def attribute(subject: Subject, method: Method, baselines: Tensors, options: Options) -> Attributed:
    """What *method* says of *subject*.

    Args:
        subject: The model and its input, with a score.
        method: One that is right for the model's form.
        baselines: What stands for nothing, of the inputs' shapes.
        options: How.

    Raises:
        ExplanationError: The method cannot be used on this model or input, or would be wrong.
    """
    if method is Method.LAYER_INTEGRATED_GRADIENTS:
        return _of_vectors(subject, options)
    if subject.is_tokens and method not in _PERTURBING:
        raise ExplanationError(
            f"{method} needs inputs that have gradients, and this model is given tokens: take "
            "layer_integrated_gradients, feature_ablation, or auto",
            alternative=Method.LAYER_INTEGRATED_GRADIENTS,
        )
    try:
        return _RUN[method](subject, baselines, options)
    except RuntimeError as error:
        if "does not require grad" in str(error) or "not have been used" in str(error):
            raise ExplanationError(
                f"{method} needs gradients, and this score has none (a step of the model cuts them "
                "off): take feature_ablation or occlusion",
                alternative=Method.FEATURE_ABLATION,
            ) from error
        raise


def _integrated(subject: Subject, baselines: Tensors, options: Options) -> Attributed:
    method = attr().IntegratedGradients(subject.scores)

    def run(rows: int) -> Tensors:
        found: Tensors = method.attribute(
            subject.inputs, baselines, n_steps=options.steps, internal_batch_size=rows
        )
        return found

    found = in_memory(run, subject, options.rows_at_once, most=options.steps)
    return Attributed(found, delta_of(subject, found, baselines))


def _of_vectors(subject: Subject, options: Options) -> Attributed:
    table = subject.table
    if table is None:
        raise ExplanationError(
            "layer_integrated_gradients explains tokens by their vectors, and this model has no "
            "Embedding or EmbeddingBag that is given its input: take integrated_gradients, or auto",
            alternative=Method.INTEGRATED_GRADIENTS,
        )
    method = attr().IntegratedGradients(subject.scores_of_vectors)

    def run(rows: int) -> torch.Tensor:
        found: torch.Tensor = method.attribute(
            table.vectors, table.nothing, n_steps=options.steps, internal_batch_size=rows
        )
        return found

    found = in_memory(run, subject, options.rows_at_once, most=options.steps)
    with torch.no_grad():
        ends = subject.scores_of_vectors(torch.cat([table.vectors, table.nothing]))
    delta = float(found.sum() - (ends[0] - ends[1]))
    return Attributed((found.sum(-1).detach(),), delta)


def _saliency(subject: Subject, _: Tensors, __: Options) -> Attributed:
    return Attributed(attr().Saliency(subject.scores).attribute(_watched(subject), abs=False))


def _input_x_gradient(subject: Subject, _: Tensors, __: Options) -> Attributed:
    return Attributed(attr().InputXGradient(subject.scores).attribute(_watched(subject)))


def _gradient_shap(subject: Subject, baselines: Tensors, options: Options) -> Attributed:
    samples = options.samples or 50
    method = attr().GradientShap(subject.scores)
    found: Tensors | None = None
    done = 0
    while done < samples:  # a few at a time: Captum would run all of them at once
        rows = in_memory(lambda rows: rows, subject, options.rows_at_once, most=samples - done)
        part = method.attribute(subject.inputs, baselines, n_samples=rows, stdevs=0.0)
        weighted = tuple(each.detach() * rows for each in part)
        found = weighted if found is None else tuple(map(torch.add, found, weighted))
        done += rows
    averaged = tuple(each / samples for each in found or ())
    return Attributed(averaged, delta_of(subject, averaged, baselines))


def _deep_lift(subject: Subject, baselines: Tensors, _: Options) -> Attributed:
    module = seeing.Whole(subject)
    inputs = _watched(subject)
    try:
        with seeing.quietly():
            found = attr().DeepLift(module).attribute(inputs, baselines)
    except torch.OutOfMemoryError:
        raise
    except (AssertionError, RuntimeError, IndexError) as error:
        raise _no_deep_lift(str(error).splitlines()[0]) from error
    found = tuple(each.detach() for each in found)
    delta = delta_of(subject, found, baselines)
    total = abs(float(sum(each.abs().sum() for each in found)))
    if abs(delta) > _FALSE * max(total, abs(change(subject, baselines)), 1e-6):
        raise _no_deep_lift(
            f"its attributions miss the score's change by {abs(delta):.2g}, so it has not seen all "
            "of the model's activations (functions in place of modules, or modules used twice)"
        )
    return Attributed(found, delta)


def _no_deep_lift(why: str) -> ExplanationError:
    return ExplanationError(
        f"deep_lift is wrong for this model: {why}; take integrated_gradients",
        alternative=Method.INTEGRATED_GRADIENTS,
    )


def _guided(subject: Subject, _: Tensors, __: Options) -> Attributed:
    seeing.refuse_unseen_relus(subject)
    with seeing.quietly():
        found = attr().GuidedBackprop(seeing.Whole(subject)).attribute(_watched(subject))
    return Attributed(tuple(each.detach() for each in found))


def _grad_cam(subject: Subject, _: Tensors, options: Options) -> Attributed:
    layer = seeing.layer_of_places(subject, options.layer)
    found = (
        attr()
        .LayerGradCam(seeing.Whole(subject), layer)
        .attribute(_watched(subject), relu_attributions=True)
    )
    picture = subject.inputs[0]
    grown = torch.nn.functional.interpolate(
        found.detach(), picture.shape[-2:], mode="bilinear", align_corners=False
    )
    # One value a place: its share of each channel, so that the sum over channels is the map.
    others = tuple(torch.zeros_like(each) for each in subject.inputs[1:])
    return Attributed(((grown / picture.shape[1]).expand_as(picture).clone(), *others))


def _watched(subject: Subject) -> Tensors:
    return tuple(each.detach().clone().requires_grad_() for each in subject.inputs)


_RUN: Mapping[Method, Callable[[Subject, Tensors, Options], Attributed]] = MappingProxyType(
    {
        Method.INTEGRATED_GRADIENTS: _integrated,
        Method.SALIENCY: _saliency,
        Method.INPUT_X_GRADIENT: _input_x_gradient,
        Method.GRADIENT_SHAP: _gradient_shap,
        Method.DEEP_LIFT: _deep_lift,
        Method.GUIDED_BACKPROP: _guided,
        Method.GRAD_CAM: _grad_cam,
        Method.OCCLUSION: covering.occlusion,
        Method.FEATURE_ABLATION: covering.ablation,
        Method.SHAPLEY_SAMPLING: covering.shapley,
        Method.KERNEL_SHAP: covering.kernel_shap,
    }
)
_PERTURBING = {
    Method.OCCLUSION,
    Method.FEATURE_ABLATION,
    Method.SHAPLEY_SAMPLING,
    Method.KERNEL_SHAP,
}
