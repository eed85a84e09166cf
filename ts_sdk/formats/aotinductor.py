"""Models that AOTInductor compiled: packages (`.pt2`), and the bare libraries (`.so`) before them.

Loading one loads native code into this process. What can be told from the file is looked at first,
so that a package that is damaged, or made for another processor, is an error and no crash.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree

from ts_sdk.errors import LoadError, ModelFormatError
from ts_sdk.formats.aotinductor_package import Package, read_package, refuse_library
from ts_sdk.formats.arrangement import in_order
from ts_sdk.formats.fixed import FixedModel


def load(path: Path, device: torch.device) -> "CompiledModel":
    """The model in the AOTInductor package in *path*, which was compiled for *device*.

    Raises:
        ModelFormatError: It is damaged, or was compiled for something else than is here.
    """
    package = read_package(path, device)
    index = device.index if device.type == "cuda" and device.index is not None else -1
    try:
        loader: Any = torch._C._aoti.AOTIModelPackageLoader  # noqa: SLF001 - the public one unpickles, and parses the nesting at each call
        runner = loader(str(path), package.model, False, 1, index)
        spec = runner.get_call_spec()
        structure = (pytree.treespec_loads(spec[0]), pytree.treespec_loads(spec[1]))
    except (LoadError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise _not_loaded(path, error) from error
    return CompiledModel(path.name, device, runner.boxed_run, structure, package)


def load_library(path: Path, device: torch.device) -> "LibraryModel":
    """The model in the library *path*, as `torch._export.aot_compile` made them.

    Raises:
        ModelFormatError: It is damaged, or no model, or this torch no longer loads such.
    """
    refuse_library(path, device)
    import torch._export as made

    aot_load = getattr(made, "aot_load", None)
    if aot_load is None:
        raise ModelFormatError(
            f"{path.name} is a compiled library, which torch {torch.__version__} no longer loads: "
            "compile the model into an AOTInductor package (mar convert --to aoti)"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the user did not choose it today
            warnings.simplefilter("ignore", DeprecationWarning)
            call = aot_load(str(path), str(device))
    except Exception as error:
        raise _not_loaded(path, error) from error
    return LibraryModel(path.name, device, call)


def _not_loaded(path: Path, error: Exception) -> ModelFormatError:
    reason = str(error).strip().partition("\nException raised from")[0]
    return ModelFormatError(
        f"{path.name} cannot be loaded by torch {torch.__version__}, perhaps because another "
        f"version compiled it: {reason}; compile the model again (mar convert --to aoti)"
    )


_ELSEWHERE = (
    "compile it for {device} (mar convert --to aoti --device {device}); a state dict, safetensors, "
    "TorchScript or an exported program moves"
)


class CompiledModel(FixedModel):
    """The model of a package, called like the module that it was made of.

    Attributes:
        signature: What it takes; None when the package does not tell.
    """

    form = "an AOTInductor package"
    elsewhere = _ELSEWHERE

    def __init__(
        self,
        name: str,
        device: torch.device,
        run: Callable[[list[torch.Tensor]], list[torch.Tensor]],
        structure: tuple[Any, Any],
        package: Package,
    ) -> None:
        super().__init__(name, device)
        self._run = run
        self._inputs, self._outputs = structure
        self.signature = package.signature
        self._names = [str(number) for number in range(self._inputs.num_leaves)]
        if self.signature is not None and len(self.signature.names) == len(self._names):
            self._names = self.signature.names

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the model takes and gives
        """The outputs for the inputs.

        Raises:
            RequestError: An input has another type or shape than the model was compiled for.
            TypeError: There are too few inputs, or too many.
        """
        given = in_order(args, kwargs, names=self._names, spec=self._inputs, model=self.name)
        self.refuse_gradients(*given)
        tensors: list[Any] = [each for each in given if isinstance(each, torch.Tensor)]
        narrowed = False
        if self.signature is not None and len(self.signature.inputs) == len(tensors):
            tensors, narrowed = self.signature.fit(tensors, self.device)
        outputs = self._run(tensors)
        if narrowed:
            outputs = [each.float() if each.is_floating_point() else each for each in outputs]
        return pytree.tree_unflatten(outputs, self._outputs)


class LibraryModel(FixedModel):
    """The model of a bare library."""

    form = "a compiled library (.so)"
    elsewhere = _ELSEWHERE

    def __init__(self, name: str, device: torch.device, call: Callable[..., Any]) -> None:
        super().__init__(name, device)
        self._call = call

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the model takes and gives
        """The outputs for the inputs, on the device that they are on."""
        self.refuse_gradients(*pytree.tree_leaves((args, kwargs)))
        return self._call(*args, **kwargs)
