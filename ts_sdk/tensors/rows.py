"""What one row holds for the model."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ts_sdk.errors import RequestError
from ts_sdk.tensors.model_inputs import ModelInputs
from ts_sdk.tensors.parts import value_of
from ts_sdk.tensors.values import EXPECTED, decoded, described, tensor_of

_TARGET = "target"
"""A part that goes with an input: the class that an explanation is wanted for."""


class NamedInputs(dict[str, torch.Tensor]):
    """Several inputs of a model by name; the model is called with them so."""


Inputs = torch.Tensor | dict[str, torch.Tensor]
"""The input for one row, or for several in one call of the model; a dict that has no class of its
own is one input, of a model that takes such."""


def spelled(given: Inputs, *, skip: int = 0) -> str:
    """The type and the shape of *given*, without its first *skip* dimensions."""
    if isinstance(given, torch.Tensor):
        return f"{str(given.dtype).removeprefix('torch.')} {tuple(given.shape[skip:])}"
    return ", ".join(f"{name} {spelled(tensor, skip=skip)}" for name, tensor in given.items())


def read_row(row: Any, inputs: ModelInputs) -> Inputs:  # noqa: ANN401 - a row holds what was sent
    """The model's input, or its inputs by name, in one row; without a dimension for the batch.

    Args:
        row: The row.
        inputs: What the model takes.

    Raises:
        RequestError: It holds no numbers, or not those that the model takes.
    """
    given = _given_in(row, inputs)
    if not isinstance(given, Mapping):
        others = sorted(inputs.required - {*inputs.names[:1]})
        if others or inputs.takes_dict:
            wanted = f"the inputs {', '.join(inputs.names)}" if others else "inputs by name"
            raise RequestError(f"expected an object with {wanted}, got {described(given)}")
        return inputs.fit(tensor_of(given))
    if inputs.takes_dict:
        inside = given.get(inputs.names[0])
        return _named(inside if isinstance(inside, Mapping) else given, inputs)
    _check_names(given, inputs)
    named = NamedInputs(_named(given, inputs))
    return named[inputs.names[0]] if [*named] == [*inputs.names[:1]] else named


def _given_in(row: Any, inputs: ModelInputs) -> Any:  # noqa: ANN401 - what was sent
    """The model's input in *row*, or its inputs by name: the parts, or an object in one part."""
    if not isinstance(row, Mapping):
        return decoded(row)
    parts = {
        name: part
        for name, part in row.items()
        if part is not None and (name != _TARGET or name in inputs.names)
    }
    if len(parts) > 1 and inputs.names and parts.keys() <= set(inputs.names):
        return parts
    value = value_of(parts)
    if value is parts and not parts:
        raise RequestError(f"{EXPECTED}, got a request without content")
    return decoded(value)


def _check_names(given: Mapping[Any, Any], inputs: ModelInputs) -> None:
    unknown = [] if inputs.is_open else [name for name in given if name not in inputs.names]
    missing = inputs.required - given.keys()
    if not unknown and not missing:
        return
    optional = [name for name in inputs.names if name not in inputs.required]
    wanted = _listed(name for name in inputs.names if name in inputs.required)
    more = f" and, if wanted, {_listed(optional)}" if optional else ""
    raise RequestError(
        f"expected the {'input' if len(inputs.required) == 1 else 'inputs'} {wanted}{more}, "
        f"got {described(given)}"
    )


def _named(given: Mapping[Any, Any], inputs: ModelInputs) -> dict[str, torch.Tensor]:
    tensors = {}
    in_order = [name for name in inputs.names if name in given]
    for name in (*in_order, *(name for name in given if name not in inputs.names)):
        if given[name] is None and name not in inputs.required:
            continue
        try:
            tensors[str(name)] = inputs.fit(tensor_of(given[name]), str(name))
        except RequestError as error:
            raise RequestError(f"input {name}: {error.message}", status=error.status) from error
    return tensors


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
