"""Promises about what is in an archive."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check

if TYPE_CHECKING:
    import torch

_MATRIX = 2
_MAPS = 4
_SHOWN = 5


@check(needs_requests=False)
def check_everything_it_needs_is_there(case: HandlerCase) -> None:
    """What the archive imports, opens and requires is in it or installed.

    Add the files with --extra-files, and packages to the requirements file; `mar doctor` says more.
    """
    if case.source.path is None:
        raise CheckSkipped("there is no archive: mar test judges the one that is packed of it")
    from ts_sdk.doctor import Verdict, examine

    report = examine(case.source.path)
    if report.verdict is not Verdict.RUNS:
        first = report.decisive[0]
        fix = f"; {first.fix}" if first.fix else ""
        more = f" (and {len(report.decisive) - 1} more)" if len(report.decisive) > 1 else ""
        raise PromiseBroken(f"{first.message}{fix}{more}")


@check()
def check_labels_cover_the_classes(case: HandlerCase) -> None:
    """Each class that the model can answer has a name in index_to_name.json.

    Write a name for each index from 0 to the number of classes less one.
    """
    with case.load() as model:
        mapping = getattr(model.handler, "mapping", None)
        if not isinstance(mapping, Mapping) or not mapping:
            raise CheckSkipped("there is no index_to_name.json")
        classes = _classes(case, model)
    missing = [str(index) for index in range(classes) if str(index) not in mapping]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise PromiseBroken(
            f"the model has {classes} classes, and index_to_name.json lacks "
            f"{', '.join(missing[:_SHOWN])}{more}"
        )


def _classes(case: HandlerCase, model: Any) -> int:  # noqa: ANN401 - a model
    """How many classes the model's output has.

    Raises:
        CheckSkipped: It is no output of classes.
    """
    from torch import nn

    module = getattr(model.handler, "model", None)
    if not isinstance(module, nn.Module):
        raise CheckSkipped("the model is no module of torch")
    seen: list[Any] = []
    hook = module.register_forward_hook(lambda _module, _args, output: seen.append(output))
    try:
        case.answers(case.requests, model)
    finally:
        hook.remove()
    scores = _scores(seen[-1]) if seen else None
    if scores is None:
        raise CheckSkipped("the model's output holds no scores of classes")
    return int(scores.shape[1])


def _scores(output: Any) -> "torch.Tensor | None":  # noqa: ANN401 - whatever a model answers
    """``(B, C)`` or ``(B, C, H, W)`` in *output*; None where there is none."""
    import torch

    if isinstance(output, Mapping):
        output = output.get("out", output.get("logits"))
    elif hasattr(output, "logits"):
        output = output.logits
    elif isinstance(output, list | tuple) and len(output) == 1:
        output = output[0]
    is_scores = isinstance(output, torch.Tensor) and output.ndim in {_MATRIX, _MAPS}
    return output if is_scores and output.is_floating_point() and output.shape[1] > 1 else None
