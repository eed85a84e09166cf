"""Tensors go in and come out as files of `torch.save`."""

import io

import pytest
import torch

from default_handlers.densenet import DenseNetHandler

SUM_AND_COUNT = """
import torch
from torch import nn


class SumAndCount(nn.Module):
    def forward(self, batch):
        return torch.stack([batch.flatten(1).sum(1), torch.tensor([len(batch)] * len(batch))], 1)
"""


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_each_tensor_is_answered_with_its_row_of_the_models_answer(start, answer):
    handler = start(DenseNetHandler, model=SUM_AND_COUNT)
    rows = [{"body": saved(torch.full((3, 2, 2), value))} for value in (1.0, 2.0)]
    first, second = answer(handler, rows)
    assert first.tolist() == [[12.0, 2.0]]
    assert second.tolist() == [[24.0, 2.0]]
    # What is sent is the row alone, not the storage of the whole batch.
    assert first.untyped_storage().nbytes() == 8


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\x89PNG", "got 4 bytes that are none"),
        (saved({"a": torch.zeros(1)}), "got a dict"),
        ("text", "got a str"),
        ([1.0], "got a list"),
    ],
    ids=["bytes", "dict", "text", "list"],
)
def test_what_is_no_saved_tensor_is_rejected_alone(start, answer, value, words):
    handler = start(DenseNetHandler, model=SUM_AND_COUNT)
    good, bad = answer(handler, [{"data": saved(torch.ones(2))}, {"data": value}])
    assert good.tolist() == [[2.0, 1.0]]
    assert bad["code"] == 400
    assert words in bad["message"]


def test_a_pickle_of_anything_else_is_not_unpickled(start, answer, tmp_path):
    witness = tmp_path / "witness"

    class Malice:
        def __reduce__(self):
            return open, (str(witness), "w")

    (bad,) = answer(start(DenseNetHandler, model=SUM_AND_COUNT), [{"body": saved(Malice())}])
    assert bad["code"] == 400
    assert not witness.exists()
