"""How far each layer of a model is from float32."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ts_sdk.floats import all_finite, cast_floats, copy_floats, floats_by_place, largest_in
from ts_sdk.precision.structure import core_of, is_form, is_within
from ts_sdk.precision.watching import LayerCall, watching
from ts_sdk.precision_report.distances import INFINITE, relative_error
from ts_sdk.precision_report.observing import module_of
from ts_sdk.precision_report.report import LayerDrift

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ts_sdk.model import Model

_MOST_NUMBERS = 1 << 16
"""Of an output that is remembered from one run for the next, so that all fit into memory."""


def measure_layers(
    float32: "Model", reduced: "Model", kept: tuple[str, ...], samples: Sequence[object]
) -> tuple[LayerDrift, ...]:
    """How far the layers of *reduced* are from those of *float32*, the worst first.

    Args:
        float32: The archive, loaded in float32.
        reduced: The same, loaded in another precision.
        kept: Layers of it that compute in float32.
        samples: Requests, which *float32* answers.
    """
    errors = _Errors()
    for sample in samples:
        _measure_total(float32, reduced, sample, errors)
        with _running_beside(float32, reduced, kept, errors):
            float32.predict_batch([sample])
    return errors.drifts()


@dataclass
class _Layer:
    kind: str = ""
    own: float | None = None
    total: float | None = None
    largest: float = 0.0
    problem: str | None = None


@dataclass
class _Errors:
    """The worst that was seen of each layer, in the order in which the layers are called."""

    layers: dict[str, _Layer] = field(default_factory=dict)

    def of(self, name: str) -> _Layer:
        return self.layers.setdefault(name, _Layer())

    def drifts(self) -> tuple[LayerDrift, ...]:
        found = [
            LayerDrift(name, each.kind, each.own, each.total, each.largest, each.problem)
            for name, each in self.layers.items()
            if name and each.kind != "Sequential"
        ]
        return tuple(sorted(found, key=badness, reverse=True))


def badness(drift: LayerDrift) -> float:
    """What layers are put in order by: the error of their own, where it is known."""
    if drift.problem:
        return INFINITE
    error = drift.own if drift.own is not None else drift.total
    return 0.0 if error is None else error


def _measure_total(float32: "Model", reduced: "Model", sample: object, errors: _Errors) -> None:
    """Compare what the layers give in the whole model."""
    expected: dict[tuple[str, int], tuple[torch.Tensor, bool]] = {}
    turns: Counter[str] = Counter()

    def remember(call: LayerCall) -> None:
        layer = errors.of(call.name)
        layer.kind = call.kind
        layer.largest = max(layer.largest, largest_in(call.output) or 0.0)
        expected[call.name, turns[call.name]] = _some_numbers(call.output), all_finite(call.output)
        turns[call.name] += 1

    def compare(call: LayerCall) -> None:
        wanted = expected.get((call.name, turns[call.name]))
        turns[call.name] += 1
        if wanted is None:
            return
        numbers, finite = wanted
        found = _some_numbers(call.output)
        error = INFINITE
        if found.shape == numbers.shape and all_finite(call.output) == finite:
            error = relative_error(numbers, found)
        layer = errors.of(call.name)
        layer.total = max(layer.total or 0.0, error)

    with watching(core_of(module_of(float32)), remember):
        float32.predict_batch([sample])
    turns.clear()
    with watching(core_of(module_of(reduced)), compare):
        reduced.predict_batch([sample])


def _some_numbers(output: Any) -> "torch.Tensor":  # noqa: ANN401 - a layer gives anything
    """Some of the numbers in *output*, evenly spread, as float32 on the CPU."""
    import torch

    taken = []
    for tensor in floats_by_place(output).values():
        flat = tensor.detach().flatten()
        step = -(-flat.numel() // _MOST_NUMBERS) or 1
        taken.append(flat[::step].to("cpu", torch.float32, copy=True))
    return torch.cat(taken) if taken else torch.empty(0)


@contextmanager
def _running_beside(
    float32: "Model", reduced: "Model", kept: tuple[str, ...], errors: _Errors
) -> Iterator[None]:
    """Let each layer of *reduced* compute what that of *float32* is given, and compare."""
    core, other = core_of(module_of(float32)), core_of(module_of(reduced))
    if is_form(core):
        yield
        return
    twins = dict(other.named_modules())
    precision, place = reduced.precision, reduced.device
    with ExitStack() as undoing:
        for name, layer in core.named_modules():
            if not name or is_form(layer) or name not in twins or _only_contains(layer):
                continue
            cast: Callable[[Any], Any] = copy_floats
            if not precision.is_autocast and not is_within(name, kept):
                cast = _caster(precision.dtype)
            beside = _Beside(name, twins[name], cast, errors)
            if precision.is_autocast:
                beside.autocast = (place.type, precision.dtype)
            for hook in beside.hooks(layer):
                undoing.callback(hook.remove)
        yield


def _only_contains(layer: "nn.Module") -> bool:
    """Whether *layer* is nothing but others in a row, which are measured themselves."""
    from torch import nn

    return type(layer) is nn.Sequential


def _caster(dtype: "torch.dtype") -> Callable[[Any], Any]:
    return lambda value: cast_floats(value, dtype)


class _Beside:
    """Runs a layer in the other precision whenever its twin in float32 is called."""

    autocast: "tuple[str, torch.dtype] | None" = None

    def __init__(
        self, name: str, twin: "nn.Module", cast: Callable[[Any], Any], errors: _Errors
    ) -> None:
        self._name = name
        self._twin = twin
        self._cast = cast
        self._errors = errors
        self._found: list[Any] = []

    def hooks(self, layer: "nn.Module") -> "list[torch.utils.hooks.RemovableHandle]":
        return [
            layer.register_forward_pre_hook(self._before, with_kwargs=True),
            layer.register_forward_hook(self._after),
        ]

    def _before(self, _: "nn.Module", args: Any, kwargs: Any) -> None:  # noqa: ANN401 - a layer takes anything
        import torch

        region = torch.autocast(*self.autocast) if self.autocast else nullcontext()
        args, kwargs = self._cast((args, kwargs))
        try:
            with torch.inference_mode(), region:
                self._found.append(self._twin(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a layer may want what only the model around it gives
            self._found.append(error)

    def _after(self, layer: "nn.Module", _: object, output: Any) -> None:  # noqa: ANN401 - as above
        found = self._found.pop()
        seen = self._errors.of(self._name)
        seen.kind = type(layer).__name__
        if isinstance(found, RuntimeError):
            seen.problem = str(found).strip().splitlines()[0]
        elif not isinstance(found, Exception):
            seen.own = max(seen.own or 0.0, _error(output, found))


def _error(output: Any, found: Any) -> float:  # noqa: ANN401 - as above
    """The worst error of a tensor that the layer gives."""
    wanted, got = floats_by_place(output), floats_by_place(found)
    shared = [name for name in wanted if name in got and wanted[name].shape == got[name].shape]
    if len(shared) < len(wanted):
        return INFINITE
    return max((relative_error(wanted[name], got[name]) for name in shared), default=0.0)
