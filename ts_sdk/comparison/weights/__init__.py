"""Comparing two files of weights, tensor by tensor, without running anything of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from ts_sdk.comparison.changes import changed_values
from ts_sdk.comparison.report import TensorChange, WeightsComparison
from ts_sdk.comparison.weights.held import UnreadableWeightsError, Weights

if TYPE_CHECKING:
    import torch

    from archiver import Archive, SerializedFile

__all__ = ["compare_weights"]

_COMPILED = "shared library"


def compare_weights(
    old: "Archive", new: "Archive", old_file: "SerializedFile", new_file: "SerializedFile"
) -> WeightsComparison:
    """Compare two files of weights whose bytes differ.

    Tensors are mapped, or read one pair at a time. Weights of a ``.tar.gz``, and those of a
    ``.mar`` that are no safetensors, are files in the temporary folder meanwhile.

    Args:
        old: The archive of the one.
        new: The archive of the other.
        old_file: The one.
        new_file: The other.

    Raises:
        archiver.CorruptArchiveError: A file is damaged.
    """
    forms = WeightsComparison(old_file.name, new_file.name, old_file.form, new_file.form)
    if _COMPILED in (old_file.form, new_file.form):
        return replace(forms, problem="a compiled library shows no tensors")
    from ts_sdk.comparison.weights.reading import opened
    from ts_sdk.formats.kinds import kind_of_form

    # Files of different forms keep different things beside their tensors.
    is_alike = kind_of_form(old_file.form) is kind_of_form(new_file.form)
    with ExitStack() as files:
        try:
            before = files.enter_context(opened(old, old_file))
            after = files.enter_context(opened(new, new_file))
            old_prefix, new_prefix = _prefixes(before.tensors, after.tensors)
            changes = list(
                _changes(_without(old_prefix, before.tensors), _without(new_prefix, after.tensors))
            )
        except UnreadableWeightsError as error:
            return replace(forms, problem=str(error))
        return replace(
            forms,
            tensors=tuple(change for change in changes if change is not None),
            unchanged=changes.count(None),
            values=changed_values(before.values, after.values) if is_alike else (),
            parts=_parts(before, after) if is_alike else (),
            old_prefix=old_prefix,
            new_prefix=new_prefix,
        )


def _prefixes(old: Iterable[str], new: Iterable[str]) -> tuple[str, str]:
    """What the names of either file begin with, where only without it they have names in common.

    Weights are saved out of a wrapper (``module.``) or within a checkpoint (``state_dict.``).
    """
    before, after = set(old), set(new)
    if before & after:
        return "", ""
    for first, second in (
        ("", _prefix(after)),
        (_prefix(before), ""),
        (_prefix(before), _prefix(after)),
    ):
        if {name[len(first) :] for name in before} & {name[len(second) :] for name in after}:
            return first, second
    return "", ""


def _prefix(names: Collection[str]) -> str:
    """The whole parts of a name that all of *names* begin with, with the dot."""
    parts = [name.split(".")[:-1] for name in names]
    shared = takewhile(lambda each: len(set(each)) == 1, zip(*parts, strict=False))
    return "".join(f"{each[0]}." for each in shared)


def _without(prefix: str, tensors: "Mapping[str, torch.Tensor]") -> "Mapping[str, torch.Tensor]":
    if not prefix:
        return tensors
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _changes(
    old: "Mapping[str, torch.Tensor]", new: "Mapping[str, torch.Tensor]"
) -> Iterator[TensorChange | None]:
    """What became of each tensor; None for one that is the same."""
    from ts_sdk.comparison.weights.distances import change_of, facts_of

    both = [name for name in old if name in new]
    for name in both:
        yield change_of(name, old[name], new[name])
    kept = _by_place(old, both)
    for name in (name for name in old if name not in new):
        tensor = old[name]
        yield TensorChange(name, facts_of(tensor), None, note=_shared(tensor, kept))
    kept = _by_place(new, both)
    for name in (name for name in new if name not in old):
        tensor = new[name]
        yield TensorChange(name, None, facts_of(tensor), note=_shared(tensor, kept))


def _by_place(tensors: "Mapping[str, torch.Tensor]", names: list[str]) -> dict[object, str]:
    """Place in memory → name; nothing of tensors that are made when they are looked up."""
    return {_place(tensors[name]): name for name in names} if isinstance(tensors, dict) else {}


def _shared(tensor: "torch.Tensor", kept: Mapping[object, str]) -> str | None:
    """Say so when a tensor that one file lacks is one that it has under another name.

    Of weights that share their memory, safetensors holds the first alone.
    """
    place = _place(tensor)
    return None if place is None or place not in kept else f"the same memory as {kept[place]}"


def _place(tensor: "torch.Tensor") -> tuple[object, ...] | None:
    """Where a tensor's numbers are, None where that does not tell."""
    try:
        pointer = tensor.data_ptr()
    except RuntimeError:  # sparse ones have several places
        return None
    if not tensor.numel() or not pointer:
        return None
    return pointer, tensor.shape, tensor.stride(), tensor.dtype


def _parts(old: Weights, new: Weights) -> tuple[str, ...]:
    names = dict.fromkeys((*old.parts, *new.parts))
    return tuple(name for name in names if old.parts.get(name) != new.parts.get(name))
