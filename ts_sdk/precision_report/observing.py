"""A loaded archive that answers samples while its model is looked at."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import PrecisionError, RequestError
from ts_sdk.floats import copy_floats

if TYPE_CHECKING:
    from torch import nn

    from ts_sdk.model import Model

_ROUNDS = 3
_LONG_ENOUGH_MS = 5e3


@dataclass(frozen=True)
class Observation:
    """What became of one sample.

    Attributes:
        answer: The handler's answer, None where there is none.
        error: Why there is none.
        outputs: What the model returned, call by call.
    """

    answer: object
    error: RequestError | None
    outputs: tuple[Any, ...]


def module_of(model: "Model") -> "nn.Module":
    """The module that the handler of *model* calls.

    Raises:
        PrecisionError: It keeps none in ``self.model``.
    """
    from torch import nn

    module = getattr(model.handler, "model", None)
    if not isinstance(module, nn.Module):
        raise PrecisionError(
            f"{model.name}: the handler keeps no torch module in self.model, so there is nothing "
            "to measure"
        )
    return module


def observe(model: "Model", sample: object) -> Observation:
    """Let *model* answer *sample* and see what its module returns."""
    with _returned_by(module_of(model)) as outputs:
        (outcome,) = model.predict_batch([sample])
    if isinstance(outcome, RequestError):
        return Observation(None, outcome, tuple(outputs))
    return Observation(outcome, None, tuple(outputs))


def request_ms(model: "Model", samples: list[object]) -> float:
    """Milliseconds for one request, the median over the samples; they were answered before."""
    durations: list[float] = []
    for sample in samples * _ROUNDS:
        started = time.perf_counter()
        model.predict_batch([sample])
        durations.append((time.perf_counter() - started) * 1e3)
        if sum(durations) > _LONG_ENOUGH_MS:
            break
    return statistics.median(durations)


def weights_bytes(module: "nn.Module") -> int | None:
    """Memory of the module's weights, shared ones counted once; None when none are to be seen."""
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in (*module.parameters(), *module.buffers())
    }
    return sum(storages.values()) or None


@contextmanager
def _returned_by(module: "nn.Module") -> Iterator[list[Any]]:
    """Collect what *module* returns during the block."""
    outputs: list[Any] = []
    before = vars(module).get("forward")
    plain = module.forward

    def noting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        output = plain(*args, **kwargs)
        outputs.append(copy_floats(output))
        return output

    module.forward = noting
    try:
        yield outputs
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before
