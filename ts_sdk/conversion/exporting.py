"""Drawing up a model's graph with `torch.export`, and writing it as a program or a package."""

import functools
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.export import Dim, ShapesCollection
from torch.utils import _pytree as pytree

from ts_sdk.blame import culprit_of
from ts_sdk.conversion.example import Example
from ts_sdk.errors import ConversionError
from ts_sdk.floats import cast_floats
from ts_sdk.formats.aotinductor_package import INPUTS_KEY, PROCESSOR_KEY, TORCH_KEY, abilities
from ts_sdk.formats.exported_program import ExportedModel, signature_of
from ts_sdk.formats.signature import Signature, order_of
from ts_sdk.precision import Precision

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_WITHOUT_EXPORT = "safetensors and torchscript need no such graph"


def export(
    module: nn.Module, example: Example, precision: Precision, folder: Path
) -> "ExportedProgram":
    """The graph of *module*, which computes in *precision* and takes and gives float32.

    Args:
        module: The model, which is changed.
        example: What it is called with.
        precision: What it shall compute in.
        folder: Where its code lies.

    Raises:
        ConversionError: The model cannot be drawn up as a graph, or not for all sizes.
    """
    if isinstance(module, ExportedModel):
        if precision is Precision.FLOAT32:
            return module.program
        module = module.graph
    _compute_in(module, precision)
    try:
        with torch.no_grad():
            return torch.export.export(
                module, example.args, example.kwargs, dynamic_shapes=_shapes(module, example)
            )
    except Exception as error:
        culprit = culprit_of(error, folder)
        place = f" ({culprit})" if culprit else ""
        raise ConversionError(
            f"torch.export cannot draw up the model as a graph: {_obstacle(error)}{place}; "
            f"{_WITHOUT_EXPORT}, and a fixed batch size (--static, dynamic=False) asks less of it"
        ) from error


def _obstacle(error: Exception) -> str:
    """What *error* of `torch.export` comes down to."""
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    if isinstance(error, GuardOnDataDependentSymNode):
        return "its code asks for a number in a tensor, which is known only when it runs"
    return _reason(error)


def _compute_in(module: nn.Module, precision: Precision) -> None:
    """Have *module* compute in *precision*, in a way that a graph can hold."""
    if precision is Precision.FLOAT32:
        return
    if not precision.is_autocast:
        module.to(precision.dtype)
    plain = module.forward
    kind = next((tensor.device.type for tensor in module.parameters()), "cpu")

    @functools.wraps(plain)
    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a model takes and gives anything
        region: Any = nullcontext()
        if precision.is_autocast:
            region = torch.autocast(kind, precision.dtype)
        else:
            args, kwargs = cast_floats((args, kwargs), precision.dtype)
        with region:
            answer = plain(*args, **kwargs)
        return cast_floats(answer, torch.float32)

    module.forward = forward


def _shapes(module: nn.Module, example: Example) -> Any:  # noqa: ANN401 - as torch nests them
    """Which sizes may vary; those that varied together stay equal."""
    sizes: dict[tuple[int, ...], Any] = {}
    collection: Any = ShapesCollection()  # type: ignore[no-untyped-call] # torch has no types here
    for tensor, varying in zip(example.tensors, example.varying, strict=True):
        if varying:
            collection[tensor] = {
                place: sizes.setdefault(seen, Dim(f"size{len(sizes)}", min=1))
                for place, seen in varying.items()
            }
    return collection.dynamic_shapes(module, example.args, example.kwargs)


def write_program(program: "ExportedProgram", path: Path) -> None:
    """Write the exported program."""
    torch.export.save(program, path)


def write_package(program: "ExportedProgram", path: Path) -> None:
    """Compile *program* with AOTInductor and write the package.

    Raises:
        ConversionError: The compiler failed.
    """
    from torch._inductor import aoti_compile_and_package

    notes = {
        INPUTS_KEY: _signature_of(program).to_json(),
        TORCH_KEY: torch.__version__,
        PROCESSOR_KEY: json.dumps(abilities()),
    }
    try:
        with torch.no_grad():
            aoti_compile_and_package(
                program,
                package_path=str(path),
                inductor_configs={"aot_inductor.metadata": notes},
            )
    except Exception as error:
        raise ConversionError(
            f"AOTInductor cannot compile the model: {_reason(error)}; pt2 keeps the same graph "
            "uncompiled"
        ) from error


def _signature_of(program: "ExportedProgram") -> Signature:
    """What the compiled code takes: that very format, laid out in memory as the example was."""
    signature = signature_of(program)
    args, kwargs = program.example_inputs
    leaves = pytree.tree_leaves((args, kwargs))
    inputs = tuple(
        asked if asked is None else replace(asked, order=order_of(leaf))
        for asked, leaf in zip(signature.inputs, leaves, strict=True)
    )
    return replace(
        signature, inputs=tuple(each for each in inputs if each is not None), any_float=False
    )


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else repr(error)
