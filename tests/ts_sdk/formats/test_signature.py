"""What compiled models take is checked before they read it."""

import json

import numpy as np
import pytest
import torch

from ts_sdk.errors import RequestError
from ts_sdk.formats.signature import Signature, TensorInput, order_of

CPU = torch.device("cpu")
IMAGES = TensorInput("images", torch.float32, ("n", 3, None))
IDS = TensorInput("ids", torch.int64, ("n",))


def fit(signature, *given):
    return signature.fit(given, CPU)[0]


def test_what_fits_goes_through_as_it_is():
    images, ids = torch.ones(2, 3, 5), torch.ones(2, dtype=torch.int64)
    fitted = fit(Signature((IMAGES, IDS)), images, ids)
    assert fitted[0] is images
    assert fitted[1] is ids


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            torch.ones(2, 4, 5),
            r"input images must be float32 \(n, 3, any\), got float32 \(2, 4, 5\)",
        ),
        (torch.ones(2, 3), r"got float32 \(2, 3\)"),
        (torch.ones(2, 3, 5, dtype=torch.uint8), r"got uint8 \(2, 3, 5\)"),
        (torch.ones(9, 3, 5), r"n is 9 in input images"),
        ([1.0, 2.0], "must be a tensor .* not a list"),
    ],
)
def test_what_does_not_fit_is_named_with_what_was_expected(images, message):
    with pytest.raises(RequestError, match=message) as caught:
        fit(Signature((IMAGES, IDS)), images, torch.ones(2, dtype=torch.int64))
    assert caught.value.status == 400


def test_a_size_that_only_torch_has_named_is_any():
    signature = Signature((TensorInput("ids", torch.int64, ("s43", 6)),))
    with pytest.raises(RequestError, match=r"must be int64 \(any, 6\), got int64 \(1, 2\)"):
        fit(signature, torch.ones(1, 2, dtype=torch.int64))


def test_whole_numbers_are_not_taken_for_one_another():
    with pytest.raises(RequestError, match="must be int64"):
        fit(Signature((IDS,)), torch.ones(2, dtype=torch.int32))


@pytest.mark.parametrize(("count", "fits"), [(1, False), (2, True), (4, True), (5, False)])
def test_a_size_stays_in_its_range(count, fits):
    signature = Signature((IDS,), {"n": (2, 4)})
    if fits:
        fit(signature, torch.ones(count, dtype=torch.int64))
    else:
        with pytest.raises(RequestError, match="n may be 2 to 4"):
            fit(signature, torch.ones(count, dtype=torch.int64))


def test_floats_are_cast_and_the_caller_is_told_when_they_were_float32():
    half = Signature((TensorInput("x", torch.float16, (2,)),))
    fitted, narrowed = half.fit([torch.ones(2)], CPU)
    assert (fitted[0].dtype, narrowed) == (torch.float16, True)
    fitted, narrowed = half.fit([torch.ones(2, dtype=torch.float16)], CPU)
    assert (fitted[0].dtype, narrowed) == (torch.float16, False)


def test_a_program_takes_floats_of_any_format():
    signature = Signature((TensorInput("x", torch.float32, (2,)),), any_float=True)
    given = torch.ones(2, dtype=torch.bfloat16)
    assert fit(signature, given)[0] is given
    with pytest.raises(RequestError):
        fit(signature, torch.ones(2, dtype=torch.int64))


def test_numpy_arrays_are_taken_too():
    (fitted,) = fit(Signature((IMAGES,)), np.ones((1, 3, 2), dtype=np.float32))
    assert fitted.shape == (1, 3, 2)


def test_tensors_are_laid_out_as_the_compiled_code_reads_them():
    channels_last = torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert order_of(channels_last) == (0, 2, 3, 1)
    asked = TensorInput("x", torch.float32, ("n", 3, 4, 5), order_of(channels_last))
    given = torch.arange(120.0).reshape(2, 3, 4, 5)
    (fitted,) = fit(Signature((asked,)), given)
    assert fitted.stride() == channels_last.stride()
    assert torch.equal(fitted, given)
    plain = TensorInput("x", torch.float32, ("n", 3, 4, 5), (0, 1, 2, 3))
    assert fit(Signature((plain,)), channels_last)[0].is_contiguous()


def test_it_is_written_and_read_again():
    asked = TensorInput("x", torch.bfloat16, ("n", 2, None), (1, 0, 2))
    signature = Signature((asked, None), {"n": (1, None)})
    assert Signature.from_json(signature.to_json()) == signature


def described(**changed):
    asked = {"name": "x", "dtype": "float32", "shape": ["n", 2], "order": [0, 1], **changed}
    return json.dumps({"inputs": [asked], "ranges": {}})


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"inputs": [{}], "ranges": {}}', "null"),
        described(dtype="nn"),
        described(dtype="no such"),
        described(shape=[{}]),
        described(shape=3),
        described(order=[0, 2]),
        described(order=["n"]),
    ],
)
def test_what_is_damaged_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"\w"):
        Signature.from_json(text)
