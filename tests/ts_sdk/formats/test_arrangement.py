"""However inputs are given, they reach a compiled model in its own order."""

import pytest
from torch.utils import _pytree as pytree

from ts_sdk.formats.arrangement import in_order

NAMES = ("ids", "mask")


def arranged(*args, names=NAMES, spec=None, **kwargs):
    return in_order(args, kwargs, names=names, spec=spec, model="m.onnx")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1, 2), {}),
        ((), {"mask": 2, "ids": 1}),
        ((1,), {"mask": 2}),
        (({"mask": 2, "ids": 1},), {}),
        (([1, 2],), {}),
        (((1, [2]),), {}),
        (({"other": 1, "names": 2},), {}),
    ],
)
def test_by_position_by_name_in_a_dict_or_nested(args, kwargs):
    assert arranged(*args, **kwargs) == [1, 2]


def test_the_models_own_structure_goes_by_its_names_and_not_by_their_order():
    spec = pytree.tree_structure((({"a": 0, "b": 0},), {"scale": 0}))
    names = ("x_a", "x_b", "scale")
    assert arranged({"b": 2, "a": 1}, scale=3, names=names, spec=spec) == [1, 2, 3]


def test_another_structure_with_as_many_tensors_will_do():
    spec = pytree.tree_structure((([0, 0],), {}))
    assert arranged((1, 2), spec=spec) == [1, 2]
    assert arranged(1, 2, spec=spec) == [1, 2]


def test_a_list_is_no_tensor_also_where_one_stands_for_all():
    spec = pytree.tree_structure(((0,), {}))
    assert arranged([1], names=("x",), spec=spec) == [1]


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((1,), {}, r"m\.onnx takes 2 inputs \(ids, mask\), and got 1"),
        ((1, 2, 3), {}, "got 3"),
        ((), {"ids": 1}, r"got 1 \(ids by name\)"),
    ],
)
def test_too_few_or_too_many_are_counted(args, kwargs, message):
    with pytest.raises(TypeError, match=message):
        arranged(*args, **kwargs)
