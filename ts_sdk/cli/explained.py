"""What ``mar explain`` works out of its arguments before a model is loaded."""

from collections.abc import Sequence

from ts_sdk.cli.usage import UsageError

_OTHERS = 4
"""Calls of the model besides those of the method: the answer, and both ends of its way."""
_ROWS = {
    "saliency": 1,
    "input_x_gradient": 1,
    "deep_lift": 2,
    "guided_backprop": 2,
    "grad_cam": 2,
    "gradient_shap": 50,
    "occlusion": 100,
    "feature_ablation": 100,
    "shapley_sampling": 625,
    "kernel_shap": 200,
}
"""Of a picture; for integrated gradients there are as many as steps."""


def targets_of(words: Sequence[str], inputs: int) -> list[str | None]:
    """The target of each input.

    Raises:
        UsageError: There are several, and not one for each.
    """
    if not words:
        return [None] * inputs
    if len(words) not in {1, inputs}:
        raise UsageError(f"--target was given {len(words)} times for {inputs} inputs")
    return list(words) if len(words) == inputs else [words[0]] * inputs


def estimated_rows(method: str, steps: int) -> int:
    """About how many rows a model answers for one explanation, of which a bar tells."""
    return _ROWS.get(method.replace("-", "_"), steps) + _OTHERS
