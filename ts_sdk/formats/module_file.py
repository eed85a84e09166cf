"""A module built from the archive's model file, and filled with its weights."""

import inspect
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ts_sdk.blame import describe, explain
from ts_sdk.errors import ModelFormatError
from ts_sdk.imports import ArchiveCode, current_code

if TYPE_CHECKING:
    import torch
    from torch import nn

_SHOWN = 5


def build_module(model_file: Path, names: Collection[str] = ()) -> "nn.Module":
    """An instance of the one module class that *model_file* defines, built with no arguments.

    Args:
        model_file: A Python file of the archive.
        names: The names of the weights that will be loaded into it.

    Raises:
        ModelFormatError: It defines no module class, several, or one that cannot be built.
    """
    from ts_sdk.formats.initialisation import built_without_drawing

    module_class = _module_class(_import(model_file), model_file.name)
    module = built_without_drawing(module_class, names) if names else None
    if module is not None:
        return module
    try:
        return module_class()
    except (Exception, SystemExit) as error:
        why = f"failed: {explain(error, _folder_of(model_file))}"
        if _needs_arguments(module_class):
            why = (
                f"cannot be called without arguments ({describe(error)}); "
                "give its parameters defaults, or make a subclass that fills them in"
            )
        raise ModelFormatError(f"{model_file.name}: {module_class.__name__}() {why}") from error


def fill_module(
    module: "nn.Module", state: "Mapping[str, torch.Tensor]", path: Path, *, adopt: bool = False
) -> "nn.Module":
    """*module* with the weights of *state*; every weight must be there and fit.

    Args:
        module: What is filled, in place.
        state: The weights by name.
        path: Where they come from, for messages.
        adopt: Whether the module may go on with the tensors of *state* themselves, which saves
            copying them; where that could be noticed they are copied nevertheless.

    Raises:
        ModelFormatError: Names or shapes differ; the message shows the first of them.
    """
    from ts_sdk.formats.adoption import adopted

    wanted = module.state_dict(keep_vars=True)
    _refuse_checkpoint(wanted, state, path)
    if adopt and adopted(module, wanted, _with_tied(wanted, state)):
        return module
    missing, unknown = [], []
    cause: RuntimeError | None = None
    try:
        missing, unknown = module.load_state_dict(_with_tied(wanted, state), strict=False)
    except RuntimeError as error:
        cause = error
        missing = [name for name in wanted if name not in state]
        unknown = [name for name in state if name not in wanted]
    problems = [
        *_name_problems(wanted, state, missing, unknown),
        *(_shape_problems(wanted, state) if cause else ()),
        *_kind_problems(wanted, state),
    ]
    if problems or cause:
        why = "; ".join(problems) or str(cause)
        raise ModelFormatError(
            f"{path.name} does not fit {type(module).__name__}: {why}"
        ) from cause
    return module


def _import(model_file: Path) -> ModuleType:
    if not model_file.is_file():
        raise ModelFormatError(f"the model file {model_file.name} is not in the archive")
    folder = _folder_of(model_file)
    code = current_code()
    if code is None or code.folder != folder:  # under another server no loader has made one
        code = ArchiveCode(folder, keep_bytecode=False)
    try:
        return code.import_file(str(model_file.resolve().relative_to(folder)))
    except (Exception, SystemExit) as error:
        raise ModelFormatError(
            f"importing the model file {model_file.name} failed: {explain(error, folder)}",
            phase="import model file",
        ) from error


def _folder_of(model_file: Path) -> Path:
    path = model_file.resolve()
    code = current_code()
    return code.folder if code is not None and path.is_relative_to(code.folder) else path.parent


def _needs_arguments(module_class: type) -> bool:
    try:
        inspect.signature(module_class).bind()
    except TypeError:
        return True
    return False


def _module_class(module: ModuleType, name: str) -> "type[nn.Module]":
    from torch import nn

    classes = dict.fromkeys(value for value in vars(module).values() if isinstance(value, type))
    found = [
        cls for cls in classes if issubclass(cls, nn.Module) and cls.__module__ == module.__name__
    ]
    if len(found) != 1:
        listed = ", ".join(cls.__name__ for cls in found) or "none"
        raise ModelFormatError(
            f"{name} must define exactly one torch.nn.Module class, found {listed}; "
            "move the others into a module that it imports"
        )
    return found[0]


def _refuse_checkpoint(
    wanted: Mapping[str, object], state: Mapping[str, object], path: Path
) -> None:
    """Say so when *state* is what a training run saved, with the weights somewhere inside."""
    wrong = [
        name for name, value in state.items() if not hasattr(value, "shape") and name not in wanted
    ]
    if wrong or not all(isinstance(name, str) for name in state):
        nested = [name for name in wrong if isinstance(state[name], Mapping)]
        hint = f"; save checkpoint[{nested[0]!r}] by itself" if nested else ""
        what = f"a checkpoint with {_some(wrong)} in it" if wrong else "a dict of numbered tensors"
        raise ModelFormatError(f"{path.name} is {what}, not a state dict{hint}")


def _with_tied(
    wanted: "Mapping[str, torch.Tensor]", state: "Mapping[str, torch.Tensor]"
) -> "Mapping[str, torch.Tensor]":
    """*state* with the second names of weights that the module has under several.

    Safetensors files hold each tensor once.
    """
    given = {id(tensor): name for name, tensor in wanted.items() if name in state}
    tied = {
        name: state[given[id(tensor)]]
        for name, tensor in wanted.items()
        if name not in state and id(tensor) in given
    }
    return {**state, **tied} if tied else state  # itself, since it may carry versions with it


def _name_problems(
    wanted: Mapping[str, object],
    state: Mapping[str, object],
    missing: Iterable[str],
    unknown: Iterable[str],
) -> list[str]:
    problems = []
    if missing:
        problems.append(f"missing {_some(missing)}")
    if unknown:
        problems.append(f"unknown {_some(unknown)}")
        prefix = next(iter(state)).partition(".")[0] + "."
        if {name.removeprefix(prefix) for name in state} == set(wanted):
            wrapper = {"module.": "DataParallel", "_orig_mod.": "torch.compile"}.get(prefix)
            problems.append(
                f"every name starts with {prefix!r}, so it was saved from "
                f"{wrapper or 'a wrapper'}: save the wrapped module's state_dict()"
            )
    return problems


def _shape_problems(
    wanted: "Mapping[str, torch.Tensor]", state: "Mapping[str, torch.Tensor]"
) -> list[str]:
    from torch.nn.parameter import is_lazy

    differing = [
        f"{name} is {tuple(state[name].shape)} where {tuple(tensor.shape)} is expected"
        for name, tensor in wanted.items()
        if name in state and not is_lazy(tensor) and state[name].shape != tensor.shape
    ]
    return differing[:_SHOWN]


def _kind_problems(
    wanted: "Mapping[str, torch.Tensor]", state: "Mapping[str, torch.Tensor]"
) -> list[str]:
    """Whole numbers in the place of weights, which torch would convert in silence."""
    differing = [
        f"{name} is {_kind_of(state[name])} where {_kind_of(tensor)} is expected"
        for name, tensor in wanted.items()
        if _is_of_floats(tensor) and _is_of_floats(state.get(name, tensor)) is False
    ]
    return differing[:_SHOWN]


def _is_of_floats(value: object) -> bool | None:
    """Whether a tensor holds no whole numbers; None of what a module keeps beside its tensors."""
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    return value.is_floating_point() or value.is_complex()


def _kind_of(tensor: "torch.Tensor") -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _some(names: Iterable[object]) -> str:
    listed = [str(name) for name in names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
