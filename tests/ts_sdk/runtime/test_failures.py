"""Exceptions on their way from a handler's process to the program."""

from pathlib import Path

import pytest

from archiver.errors import CorruptArchiveError
from ts_sdk import errors
from ts_sdk.runtime.failures import RemoteTraceback, put_together, take_apart
from ts_sdk.runtime.pickling import pack, unpack


def there_and_back(error, foreign=None):
    return put_together(unpack(b"".join(pack(take_apart(error, foreign)).chunks)))


class Refused(errors.RequestError):
    """An archive's own, with arguments of its own."""

    def __init__(self, colour):
        super().__init__(f"no {colour}", status=418)
        self.colour = colour


@pytest.mark.parametrize(
    "error",
    [
        errors.RequestError("no cat", status=422, answer={"why": "dog"}, client_message="told"),
        errors.HandlerContractError("three answers for two requests"),
        errors.HandlerLoadError("no class", archive=Path("cat.mar"), phase="find handler"),
        errors.UnsafeWeightsError("a pickle", names=("os.system",)),
        errors.ConfigError("two problems", problems=("one", "two")),
        errors.DeviceUnavailableError("no cuda:9", device="cuda:9"),
        errors.PrecisionError("no float16"),
        CorruptArchiveError(Path("cat.mar"), ["a byte is missing"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_with_its_class_its_message_and_its_attributes(error):
    error.add_note("a note")
    arrived = there_and_back(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
    assert arrived.__cause__ is None


def test_the_traceback_arrives_as_text_with_those_of_its_causes():
    def fail():
        raise KeyError("the innermost")

    try:
        try:
            fail()
        except KeyError as inner:
            raise errors.HandlerLoadError("the outermost") from inner
    except errors.HandlerLoadError as outer:
        arrived = there_and_back(outer)
    assert isinstance(arrived.__cause__, RemoteTraceback)
    assert 'raise KeyError("the innermost")' in str(arrived.__cause__)
    assert "the outermost" in str(arrived.__cause__)


def test_of_an_error_that_was_never_raised_the_cause_is_told():
    error = errors.RequestError("failed", status=503)
    error.__cause__ = ValueError("why")
    assert "ValueError: why" in str(there_and_back(error).__cause__)


def test_of_a_class_of_the_archive_its_nearest_known_base_arrives():
    arrived = there_and_back(Refused("red"))
    assert type(arrived) is errors.RequestError
    assert (arrived.status, arrived.message, arrived.colour) == (418, "no red", "red")


def test_an_attribute_that_cannot_be_sent_is_none():
    error = errors.RequestError("failed", answer=lambda: None)
    error.kept = 1
    arrived = there_and_back(error)
    assert arrived.kept == 1
    assert arrived.answer is None


def test_any_other_exception_is_a_load_error():
    arrived = there_and_back(MemoryError("of 3 GiB"))
    assert type(arrived) is errors.HandlerLoadError
    assert "MemoryError: of 3 GiB" in str(arrived)
