"""Promises about devices and precisions."""

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import RequestError
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.drift import drift_problem
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check

if TYPE_CHECKING:
    import torch

    from ts_sdk.model import Model


@check()
def check_the_model_is_on_its_device(case: HandlerCase) -> None:
    """All parameters and buffers of the model lie on the device that was asked for.

    Load weights with map_location=self.device, move the module with .to(self.device), and register
    tensors that belong to a module as buffers.
    """
    for device in _devices():
        with case.load(device=device) as model:
            for name, tensor in _tensors_of(model):
                if tensor.device.type != model.device.type:
                    raise PromiseBroken(f"with device={device!r}, {name} is on {tensor.device}")


@check(deep=True)
def check_devices_agree(case: HandlerCase) -> None:
    """On CUDA the answers are those of the CPU.

    Look for tensors that are made on a fixed device, and for sums in an order of their own.
    """
    if "cuda" not in _devices():
        raise CheckSkipped("there is no CUDA device here")
    with case.load(device="cpu") as model:
        expected = case.answers(case.requests, model)
    with case.load(device="cuda") as model:
        _hold_to_drift("on CUDA", case.answers(case.requests, model), expected, model.precision)


@check(deep=True, compares=True)
def check_half_precision_stays_close(case: HandlerCase) -> None:
    """In the precisions that are promised, answers stay close to those in float32.

    `mar precision` finds the layers to keep in float32; do sums, norms and softmax in float32.
    Allowed are 0.02 of the largest number, or of a probability, and 0.05 in bfloat16.
    """
    from ts_sdk.precision import Precision

    words = dict.fromkeys((*case.expectations.precisions, str(case.model.precision)))
    reduced = [word for word in words if word != Precision.FLOAT32]
    if not reduced:
        raise CheckSkipped("no precision is promised: declare `testing: {precisions: [float16]}`")
    with case.load(precision=str(Precision.FLOAT32)) as model:
        expected = case.answers(case.requests, model)
    for word in reduced:
        with case.load(precision=word) as model:
            outcomes = case.outcomes(case.requests, model)
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, RequestError):
                raise PromiseBroken(
                    f"in {word}, request {index} was not answered: {outcome.message}"
                ) from outcome
        _hold_to_drift(f"in {word}", outcomes, expected, word)


def _hold_to_drift(where: str, actual: list[Any], expected: list[Any], precision: str) -> None:
    for index, (got, wanted) in enumerate(zip(actual, expected, strict=True)):
        problem = drift_problem(got, wanted, precision)
        if problem is not None:
            raise PromiseBroken(f"{where}, the answer to request {index} {problem}")


def _devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def _tensors_of(model: "Model") -> Iterator[tuple[str, "torch.Tensor"]]:
    """The parameters and buffers of the handler's model, where it is a module of torch."""
    if importlib.util.find_spec("torch") is None:
        return
    from torch import nn

    module = getattr(model.handler, "model", None)
    if isinstance(module, nn.Module):
        yield from module.named_parameters()
        yield from module.named_buffers()
