"""Exported programs (`.pt2`): a graph that `torch.export` made of a model, with its weights."""

import itertools
import json
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn
from torch.export.pt2_archive import PT2ArchiveReader
from torch.utils import _pytree as pytree

from ts_sdk.blame import describe
from ts_sdk.errors import LoadError, ModelFormatError, PrecisionError, RequestError
from ts_sdk.formats.arrangement import in_order
from ts_sdk.formats.exported_pickles import refuse_pickles
from ts_sdk.formats.signature import Signature, Size, TensorInput

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_UNKNOWN_SIZE = 2
_Change = Callable[[torch.Tensor], torch.Tensor]


def load(path: Path, device: torch.device, *, trust_pickle: bool) -> "ExportedModel":
    """The exported program in *path*, on *device*.

    Raises:
        UnsafeWeightsError: A pickle in it names more than weights and *trust_pickle* is off.
        ModelFormatError: The file is damaged, or was written by a torch that this one cannot read.
    """
    try:
        if not trust_pickle:
            refuse_pickles(path)
        _refuse_absent_device(path)
        model = ExportedModel(_open(path), path.name)
    except (LoadError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a damaged program raises anything
        raise ModelFormatError(
            f"{path.name} cannot be loaded as an exported program by torch {torch.__version__} "
            f"({describe(error)}): export it again, with this version of torch, or copy it again"
        ) from error
    return model.to(device)


def _open(path: Path) -> "ExportedProgram":
    if path.suffix == ".pt2":
        return torch.export.load(path)
    with path.open("rb") as file:  # torch warns of a path with another suffix
        return torch.export.load(file)


def _refuse_absent_device(path: Path) -> None:
    """Say so when the weights were saved on a device that is not here: torch only fails."""
    try:
        reader = PT2ArchiveReader(str(path))
    except RuntimeError:  # of torch before 2.8, or damaged
        return
    for name in reader.get_file_names():
        if name.startswith("data/weights/") and name.endswith("_config.json"):
            metas = json.loads(reader.read_bytes(name))["config"].values()
            kinds = {meta["tensor_meta"]["device"]["type"] for meta in metas}
            if "cuda" in kinds and not torch.cuda.is_available():
                raise ModelFormatError(
                    f"{path.name} was exported on CUDA, which torch does not see here: export it "
                    "on the CPU, from where it is moved to any device when it is loaded"
                )


class ExportedModel(nn.Module):
    """An exported program that is called like the module that it was made of.

    It moves to other devices and gives gradients; what it computes in float32 by itself, whatever
    its weights are, it goes on computing so.

    Attributes:
        name: The file that it came from.
        signature: What it takes.
        program: The program itself.
        graph: The program as a module, rebuilt when it moves to another device.
    """

    graph: nn.Module

    def __init__(self, program: "ExportedProgram", name: str) -> None:
        super().__init__()
        self.training = False
        self.name = name
        self.program = program
        self.signature = signature_of(program)
        self._device = _device_of(program)
        self._inputs: Any = program.call_spec.in_spec
        self.graph = program.module()

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Only ``train(False)``, which is what `eval` calls, leaves it as it is."""
        if mode:
            raise ModelFormatError(
                f"{self.name} is an exported program, which stays in the mode that it was exported "
                "in; a state dict, safetensors or TorchScript can be trained"
            )
        return self  # the program's own modules raise errors here

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the model takes and gives
        """The outputs for the inputs.

        Raises:
            RequestError: An input has another type or shape than the program was exported for.
            TypeError: There are too few inputs, or too many.
        """
        given = in_order(
            args, kwargs, names=self.signature.names, spec=self._inputs, model=self.name
        )
        fitted, _ = self.signature.fit(given, self._device)
        again, named = pytree.tree_unflatten(fitted, self._inputs)
        try:
            return self.graph(*again, **named)
        except AssertionError as error:  # what the program itself checks of its inputs
            raise RequestError(
                f"{self.name} was not exported for inputs of these sizes ({error}): export it with "
                "that size dynamic, or send what it takes"
            ) from error

    def _apply(self, fn: _Change, recurse: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        probe = torch.zeros((), device=self._device)
        asked = fn(probe)
        if asked.dtype != probe.dtype:
            self._refuse_fixed_formats(asked.dtype)
        if asked.device != self._device:
            from torch.export.passes import move_to_device_pass

            self.program = move_to_device_pass(self.program, asked.device)
            self._device = asked.device
            self.graph = self.program.module()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # torch has no types here
        return self

    def _refuse_fixed_formats(self, dtype: torch.dtype) -> None:
        """Raise when the graph names a number format, which new weights would not fit."""
        for node in self.program.graph.nodes:
            named = [
                each for each in pytree.tree_leaves((node.args, node.kwargs)) if _is_float(each)
            ]
            if node.op == "call_function" and named:
                word = str(dtype).removeprefix("torch.")
                raise PrecisionError(
                    f"{self.name} is an exported program in which {node.target} asks for "
                    f"{str(named[0]).removeprefix('torch.')}, so it cannot be converted to {word}: "
                    f"use precision='autocast-{word}', or make it in that precision "
                    "(mar convert --precision)"
                )


def _is_float(value: object) -> bool:
    return isinstance(value, torch.dtype) and value.is_floating_point


def _device_of(program: "ExportedProgram") -> torch.device:
    """Where the program's tensors are; the CPU where it has none."""
    tensors = itertools.chain(program.state_dict.values(), program.constants.values())
    devices = (value.device for value in tensors if isinstance(value, torch.Tensor))
    return next(devices, torch.device("cpu"))


def signature_of(program: "ExportedProgram") -> Signature:
    """What the program takes, its varying sizes named n, m, …."""
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    letters: dict[str, str] = {}
    names = _names()
    inputs: list[TensorInput | None] = []
    for name in program.graph_signature.user_inputs:
        value = nodes[name].meta.get("val") if isinstance(name, str) and name in nodes else None
        if not isinstance(value, torch.Tensor):
            inputs.append(None)
            continue
        shape = tuple(_size(size, letters, names) for size in value.shape)
        inputs.append(TensorInput(str(name), value.dtype, shape))
    ranges = {
        letters[str(symbol)]: (_lowest(known.lower), _bound(known.upper))
        for symbol, known in program.range_constraints.items()
        if str(symbol) in letters
    }
    return Signature(tuple(inputs), ranges, any_float=True)  # its weights may be converted


def _size(size: Any, letters: dict[str, str], names: Iterator[str]) -> Size:  # noqa: ANN401 - an int, or torch's symbol
    if isinstance(size, int):
        return size
    expression = size.node.expr
    if not expression.is_Symbol:  # computed of another size; the program checks it itself
        return None
    key = str(expression)
    if key not in letters:
        letters[key] = next(names)
    return letters[key]


def _names() -> Iterator[str]:
    start = string.ascii_lowercase.index("n")
    yield from string.ascii_lowercase[start:]
    yield from (f"n{number}" for number in itertools.count(1))


def _lowest(value: Any) -> int:  # noqa: ANN401 - a number of sympy's
    """The smallest size; torch says 2 of a size that it knows nothing about, and takes 1 too."""
    bound = _bound(value) or 0
    return bound if bound > _UNKNOWN_SIZE else 0


def _bound(value: Any) -> int | None:  # noqa: ANN401 - a number of sympy's
    text = str(value)
    return int(text) if text.isdecimal() else None  # infinity has no digits
