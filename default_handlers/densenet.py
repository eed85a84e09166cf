"""`DenseNetHandler`: tensors in and out, as files of `torch.save`."""

import io
from typing import Any

import torch

from default_handlers.parts import described, value_of
from ts_sdk.errors import RequestError
from ts_sdk.handler import BaseHandler

_EXPECTED = "expected a tensor as bytes written by torch.save"


class DenseNetHandler(BaseHandler):
    """Answers each tensor with the model's, for callers who prepare their inputs themselves.

    A row holds what `torch.save` wrote of a tensor; an answer is a tensor ``(1, …)``. It knows
    nothing of DenseNet: that is TorchServe's name for it.
    """

    concurrent = True

    def preprocess(self, data: list[Any]) -> torch.Tensor:
        """Read the tensors of a batch.

        Returns:
            The batch, ``(B, …)`` on `device`, without the rows that were rejected.
        """
        tensors = []
        for index, row in enumerate(data):
            try:
                tensors.append(_tensor_of(row).to(self.device))
            except RequestError as error:
                self.reject(index, error.message, status=error.status)
        return torch.stack(tensors) if tensors else torch.empty(0)

    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Part the model's answer ``(B, …)`` into one tensor ``(1, …)`` for each request."""
        return [row.clone() for row in data.split(1)]


def _tensor_of(row: Any) -> torch.Tensor:  # noqa: ANN401 - a row holds what was sent
    value = value_of(row, _EXPECTED)
    if not isinstance(value, bytes | bytearray | memoryview):
        raise RequestError(f"{_EXPECTED}, got {described(value)}")
    try:
        tensor = torch.load(io.BytesIO(value), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises anything
        raise RequestError(f"{_EXPECTED}, got {len(value):,} bytes that are none") from error
    if not isinstance(tensor, torch.Tensor):
        raise RequestError(f"{_EXPECTED}, got a {type(tensor).__name__}")
    return tensor
