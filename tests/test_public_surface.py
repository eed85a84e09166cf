"""What each package offers is what its ``__all__`` says, no more and no less."""

import importlib

import pytest

PACKAGES = (
    "archiver",
    "ts_sdk",
    "ts_sdk.benchmarking",
    "ts_sdk.profiles",
    "ts_sdk.testing",
    "ts_sdk.tuning",
    "default_handlers",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_offered_name_is_there(name):
    package = importlib.import_module(name)
    missing = [each for each in package.__all__ if not hasattr(package, each)]
    assert missing == []


@pytest.mark.parametrize("name", PACKAGES)
def test_nothing_else_of_the_package_is_offered(name):
    package = importlib.import_module(name)
    public = {
        each
        for each, value in vars(package).items()
        if not each.startswith("_") and getattr(value, "__module__", "").startswith(name)
    }
    assert public <= set(package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_each_name_is_listed_once_and_by_dir(name):
    package = importlib.import_module(name)
    assert len(set(package.__all__)) == len(package.__all__)
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("name", PACKAGES)
def test_everything_offered_is_documented(name):
    package = importlib.import_module(name)
    undocumented = [
        each
        for each in package.__all__
        if callable(getattr(package, each)) and not (getattr(package, each).__doc__ or "").strip()
    ]
    assert undocumented == []


@pytest.mark.parametrize("name", PACKAGES)
def test_a_name_that_is_not_there_is_an_attribute_error(name):
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name
