"""The errors of metrics: drawn in one tree, caught by old ``except`` clauses, and picklable."""

import pickle

import pytest

from ts_sdk.errors import SdkError
from ts_sdk.metrics import errors
from ts_sdk.metrics.yaml_error import MetricYamlError

CLASSES = [
    *(
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.MetricError)
    ),
    MetricYamlError,
]


@pytest.mark.parametrize("error_class", CLASSES)
def test_an_error_shows_its_message_and_survives_pickling(error_class):
    error = error_class("metric Cats: no ears")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is error_class
    assert str(copy) == str(error) == "metric Cats: no ears"
    assert isinstance(error, SdkError)


@pytest.mark.parametrize("error_class", CLASSES)
def test_every_error_is_drawn_in_the_tree(error_class):
    assert error_class.__name__ in errors.__doc__
