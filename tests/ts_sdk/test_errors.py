"""The errors say which archive or request they are about, and travel between processes."""

import inspect
import pickle
from pathlib import Path

import pytest

from ts_sdk import errors

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.SdkError)
]


@pytest.mark.parametrize("error_class", CLASSES)
def test_an_error_survives_pickling_with_its_attributes(error_class):
    options = {
        "archive": Path("cat.mar"),
        "device": "cuda:7",
        "index": 3,
        "names": ("os.system",),
        "phase": "read config",
        "problems": ("one", "two"),
        "status": 418,
    }
    plain = error_class.__init__ is Exception.__init__
    taken = () if plain else inspect.signature(error_class).parameters
    error = error_class("why", **{name: options[name] for name in options if name in taken})
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is error_class
    assert (str(copy), vars(copy)) == (str(error), vars(error))


@pytest.mark.parametrize("error_class", CLASSES)
def test_every_error_is_drawn_in_the_tree(error_class):
    assert error_class.__name__ in errors.__doc__


def test_a_load_error_names_its_archive():
    assert str(errors.LoadError("no handler")) == "no handler"
    assert str(errors.LoadError("no handler", archive=Path("a/cat.mar"))) == "cat.mar: no handler"


def test_a_request_error_names_its_request_and_status():
    error = errors.RequestError("no picture")
    assert (str(error), error.message) == (
        "request failed with status 400: no picture",
        "no picture",
    )
    assert str(errors.RequestError("late", status=504, index=2)) == (
        "request 2 failed with status 504: late"
    )
