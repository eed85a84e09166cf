"""Giving a module tensors to use as its weights, instead of copying their numbers into its own.

It is done only where nobody can tell the difference: the parameters stay the same objects, nothing
else in the module looks at their old memory, and no part of it has a way of its own of loading.
"""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

# The parameter itself, and the storage's own Python object, which asking makes.
_OWNERS = 2


def adopted(
    module: nn.Module, wanted: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> bool:
    """Whether *module* now has the tensors of *state*; where not, nothing was changed.

    Args:
        module: A module that was just built.
        wanted: Its own tensors by name, parameters and buffers.
        state: Those that it shall have.
    """
    if wanted.keys() != state.keys() or not all(map(_loads_plainly, module.modules())):
        return False
    pairs = [(tensor, state[name]) for name, tensor in wanted.items()]
    if not all(_can_swap(own, given) for own, given in pairs):
        return False
    for own, given in pairs:
        own.data = given
    return True


def _loads_plainly(part: nn.Module) -> bool:
    """Whether loading does nothing for *part* but copy its tensors."""
    kind = type(part)
    plain = kind._load_from_state_dict in (  # noqa: SLF001 - what a subclass would override
        nn.Module._load_from_state_dict,  # noqa: SLF001 - as above
        _NormBase._load_from_state_dict,  # noqa: SLF001 - only fills in what old files lack
    )
    hooks = (part._load_state_dict_pre_hooks, part._load_state_dict_post_hooks)  # noqa: SLF001 - as above
    return (
        plain
        and kind.load_state_dict is nn.Module.load_state_dict
        and kind.set_extra_state is nn.Module.set_extra_state
        and not any(hooks)
    )


def _can_swap(own: object, given: object) -> bool:
    if not isinstance(own, torch.Tensor) or not isinstance(given, torch.Tensor):
        return False  # an extra state
    return (
        type(own) in (torch.Tensor, nn.Parameter)
        and own.shape == given.shape
        and own.dtype == given.dtype
        and torch._has_compatible_shallow_copy_type(own, given)  # noqa: SLF001 - as Module.to() asks, of two devices
        and own.is_contiguous()
        and torch._C._storage_Use_Count(own.untyped_storage()._cdata) <= _OWNERS  # noqa: SLF001 - there is no public way to ask
    )
