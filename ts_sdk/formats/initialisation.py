"""Building a module without drawing random weights that are overwritten right after.

Drawing them takes most of the time of building a large module. It is left out only where the result
is exactly the same: no value that was not drawn is ever read, the random numbers of everything else
are the same, and every weight that was left out is in the state that will be loaded.
"""

import itertools
import weakref
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from torch import nn

_RANDOM = frozenset(
    {
        *(
            getattr(torch.Tensor, name)
            for name in ("cauchy_", "exponential_", "log_normal_", "normal_", "uniform_")
        ),
        torch.nn.init.kaiming_uniform_,
        torch.nn.init.normal_,
        torch.nn.init.uniform_,
    }
)
"""Functions that fill their first argument with random numbers."""

_WRITING = frozenset({"__setitem__", "constant_", "copy_", "fill_", "zero_"})
"""Functions that overwrite their first argument without reading it, by name."""

_LOOKING = frozenset(
    {
        "__get__",
        "__getitem__",
        "__len__",
        "__set__",
        "data_ptr",
        "detach",
        "dim",
        "element_size",
        "get_device",
        "is_complex",
        "is_contiguous",
        "is_floating_point",
        "ndimension",
        "nelement",
        "numel",
        "requires_grad_",
        "size",
        "storage_offset",
        "stride",
        "t",
        "view",
    }
)
"""Functions that read no value, by name: shapes, types and views (which are followed)."""


def built_without_drawing(
    module_class: "type[nn.Module]", names: Collection[str]
) -> "nn.Module | None":
    """An instance whose random weights were not drawn; None where that would make a difference.

    Args:
        module_class: A class that is built without arguments.
        names: The names of the weights that will be loaded.
    """
    state = torch.get_rng_state()
    leaving = _Leaving()
    try:
        with leaving:
            module = module_class()
    except Exception:  # noqa: BLE001 - it may come of this; if not, building plainly raises it again
        module = None
    if (
        module is None
        or leaving.was_read
        or not torch.equal(torch.get_rng_state(), state)
        or not leaving.all_in(module, names)
    ):
        torch.set_rng_state(state)
        return None
    return module


class _ValueReadError(Exception):
    """A value was asked for that was not drawn."""


class _Leaving(TorchFunctionMode):
    """Leaves parameters as they were allocated where random numbers would be drawn for them.

    Like all modes it is on in this thread only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.was_read = False
        self._numbers = itertools.count()
        self._parameters: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self._views: dict[int, tuple[torch.Tensor, int]] = {}
        self._left: set[int] = set()

    def all_in(self, module: "nn.Module", names: Collection[str]) -> bool:
        """Whether every parameter that was left as it is, is one of *names* in *module*."""
        covered = {
            self._number_of(parameter)
            for name, parameter in module.named_parameters(remove_duplicate=False)
            if name in names
        }
        alive = {number for known, number in self._parameters.values() if known() is not None}
        return self._left & alive <= covered

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401 - torch's protocol
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        kwargs = kwargs or {}
        target = args[0] if args else kwargs.get("tensor")
        number = self._number_of(target)
        if number is not None and func in _RANDOM:
            self._left.add(number)
            return target
        self._refuse_to_read(getattr(func, "__name__", ""), target, (*args, *kwargs.values()))
        result = func(*args, **kwargs)
        if number is not None:
            for tensor in _tensors_in(result):
                if tensor is not target and _share_memory(tensor, target):
                    self._views[id(tensor)] = (tensor, number)
        return result

    def _number_of(self, value: object) -> int | None:
        """A number for the parameter that *value* is, or is a view of."""
        if isinstance(value, torch.nn.Parameter):
            known, number = self._parameters.get(id(value), (None, 0))
            if known is None or known() is not value:  # ids are used again
                number = next(self._numbers)
                self._parameters[id(value)] = (weakref.ref(value), number)
            return number
        view = self._views.get(id(value))
        return view[1] if view is not None else None

    def _refuse_to_read(self, name: str, target: object, given: tuple[Any, ...]) -> None:
        if name in _LOOKING:
            return
        for tensor in _tensors_in(given):
            written = name in _WRITING and tensor is target
            if not written and self._number_of(tensor) in self._left:
                self.was_read = True  # should the module's own code catch the error
                raise _ValueReadError


def _tensors_in(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors_in(item)


def _share_memory(tensor: torch.Tensor, other: Any) -> bool:  # noqa: ANN401 - a tensor, or it has no views
    return bool(tensor.untyped_storage().data_ptr() == other.untyped_storage().data_ptr())
