"""Where NaN or infinity came from: the first layer that makes it of finite numbers."""

import copy
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ts_sdk.floats import all_finite, cast_floats, is_castable, largest_in
from ts_sdk.precision.keeping import forget_kept
from ts_sdk.precision.structure import (
    INNER_FORWARD,
    Forward,
    core_of,
    inner_forward,
    is_compiled,
    is_form,
    is_scripted,
    uncompiled,
)
from ts_sdk.precision.watching import LayerCall, watching

if TYPE_CHECKING:
    from torch import nn

Given = tuple[tuple[Any, ...], dict[str, Any]]

_UNCOMPILED = object()
"""Stands for a compiled forward in a copy, until that is made whole."""

_one_at_a_time = threading.Lock()  # a search puts hooks into the model and may copy it


@dataclass(frozen=True)
class Origin:
    """The layer in which NaN or infinity first appears.

    Attributes:
        name: The layer's name; empty for code of the model's own, between its layers.
        kind: Its class.
        largest_input: The largest magnitude that it was given, None without floating inputs.
        largest_in_float32: The largest magnitude that it gives in float32, None when unknown.
        before: The first layer that was given NaN or infinity, None when there is none.
    """

    name: str
    kind: str
    largest_input: float | None
    largest_in_float32: float | None
    before: str | None


@dataclass(frozen=True)
class Finding:
    """What a search has found out.

    Attributes:
        origin: The layer, None when it cannot be told.
        in_float32: Whether the model, with its weights as they are, makes NaN or infinity in
            float32 too; None when that could not be tried.
    """

    origin: Origin | None
    in_float32: bool | None


def find_origin(module: "nn.Module", forward: Forward, given: Given, asked: Given) -> Finding:
    """Run the model once more, and in float32 beside it, and look at what each layer gives.

    Args:
        module: The model.
        forward: Its forward without the casts around it.
        given: What it was given when its output was not finite.
        asked: The same in float32.
    """
    forward = uncompiled(forward)
    with _one_at_a_time:
        reference = _in_float32(module, forward, asked)
        if reference is not None and not reference.finite:
            return Finding(reference.first_bad({}), in_float32=True)
        seen = _run(module, forward, given)
        known = {} if reference is None else reference.calls
        return Finding(seen.first_bad(known), in_float32=None if reference is None else False)


@dataclass(frozen=True)
class _Call:
    """What is kept of a `LayerCall`."""

    name: str
    kind: str
    inputs_finite: bool
    output_finite: bool
    largest_input: float | None
    largest_output: float | None


class _Record:
    """The calls of one run by the layer's name and the turn of the layer, in order.

    Attributes:
        calls: What was seen.
        finite: Whether the model's output is finite.
    """

    def __init__(self) -> None:
        self.calls: dict[tuple[str, int], _Call] = {}
        self.finite = True
        self._turns: Counter[str] = Counter()

    def add(self, call: LayerCall) -> None:
        self.calls[call.name, self._turns[call.name]] = _Call(
            call.name,
            call.kind,
            all_finite(call.inputs),
            all_finite(call.output),
            largest_in(call.inputs),
            largest_in(call.output),
        )
        self._turns[call.name] += 1

    def finish(self, kind: str, given: Given, answer: object) -> None:
        self.finite = all_finite(answer)
        if "" not in self._turns:  # of a compiled form, the model's own operations are seen as well
            self.add(LayerCall("", kind, given, answer))

    def first_bad(self, known: "dict[tuple[str, int], _Call]") -> Origin | None:
        """The first call that makes NaN or infinity where the one in *known* does not."""
        before = None
        for turn, call in self.calls.items():
            expected = known.get(turn)
            # A mask may hold infinity on purpose, and then it does in float32 too.
            inputs_fine = call.inputs_finite or (expected and not expected.inputs_finite)
            output_fine = call.output_finite or (expected and not expected.output_finite)
            if not inputs_fine:
                before = before or call.name
            elif not output_fine:
                in_float32 = expected.largest_output if expected else None
                return Origin(call.name, call.kind, call.largest_input, in_float32, before)
        return None


def _run(module: "nn.Module", forward: Forward, given: Given) -> _Record:
    core = core_of(module)
    record = _Record()
    with watching(core, record.add):
        if is_compiled(module) or (module is core and is_form(core)):
            forward = inner_forward(core)  # which is watched
        answer = forward(*given[0], **given[1])
    record.finish(type(core).__name__, given, answer)
    return record


def _in_float32(module: "nn.Module", forward: Forward, asked: Given) -> _Record | None:
    """A run of a float32 copy of *module*; None when it cannot be copied or has no room."""
    import torch

    if not (is_form(module) or is_compiled(module) or _is_own_method(module, forward)):
        return None  # somebody has put another forward into it, which a copy would not have
    try:
        with torch.no_grad(), torch.autocast(_device_type(module), enabled=False):
            twin = _float32_copy(module)
            return _run(twin, twin.forward, cast_floats(asked, torch.float32))
    except Exception:  # noqa: BLE001 - a model may hold what cannot be copied; the search goes on without
        return None


def _is_own_method(module: "nn.Module", forward: Forward) -> bool:
    return getattr(forward, "__self__", None) is module


def _float32_copy(module: "nn.Module") -> "nn.Module":
    """*module* with its weights as they are now, in float32."""
    import torch

    if is_scripted(module):
        scripted: nn.Module = copy.deepcopy(module).float()
        return scripted
    # Known to `deepcopy` as done already, so that no copy in the reduced format is made first.
    memo: dict[int, Any] = {
        id(buffer): buffer.to(torch.float32) for buffer in module.buffers() if is_castable(buffer)
    }
    memo |= {
        id(weight): torch.nn.Parameter(weight.detach().to(torch.float32), requires_grad=False)
        for weight in module.parameters()
        if is_castable(weight)
    }
    memo |= dict.fromkeys(map(id, _compiled_forwards(module)), _UNCOMPILED)
    twin = copy.deepcopy(module, memo)
    twin.float()  # what TorchScript inside of it holds
    for place in ("forward", INNER_FORWARD):
        vars(twin).pop(place, None)
    for part in twin.modules():
        if vars(part).get("forward") is _UNCOMPILED:
            del part.forward
    forget_kept(core_of(twin))
    return twin


def _compiled_forwards(module: "nn.Module") -> list[Forward]:
    """The compiled forwards in *module* in whose place the parts' own methods can stand."""
    put_in = [(part, vars(part).get("forward")) for part in module.modules()]
    return [
        forward
        for part, forward in put_in
        if forward is not None
        and uncompiled(forward) is not forward
        and _is_own_method(part, uncompiled(forward))
    ]


def _device_type(module: "nn.Module") -> str:
    first = next(iter((*module.parameters(), *module.buffers())), None)
    return "cpu" if first is None else first.device.type
