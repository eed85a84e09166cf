"""The error tree: what each error says, and that it survives the way to another process."""

import pickle
from pathlib import Path

import pytest

import archiver
from archiver import (
    ArchiveError,
    CorruptArchiveError,
    InvalidArchiveError,
    LimitExceededError,
    ManifestError,
    PackError,
    SourceChangedError,
    TargetExistsError,
    UnsafeArchiveError,
)

EXAMPLES = [
    PackError(["the version is empty", "the handler is empty"]),
    SourceChangedError("weights.pt"),
    TargetExistsError("cat.mar"),
    TargetExistsError("cat", "it is no folder"),
    ManifestError("cat.mar", ["it is not JSON"]),
    ManifestError(None, ["it is not JSON"]),
    InvalidArchiveError("cat.mar", ["it is a picture"]),
    UnsafeArchiveError("cat.mar", ["a member is a link"]),
    CorruptArchiveError("cat.mar", ["the end is missing", "the CRC is wrong"]),
    LimitExceededError("cat.mar", ["it has 10 members"]),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_message_and_attributes(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 -- made here
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_every_error_is_an_archive_error(error):
    assert isinstance(error, ArchiveError)


def test_every_error_of_the_package_is_drawn_in_the_tree():
    offered = [name for name in archiver.__all__ if name.endswith("Error")]
    drawn = archiver.errors.__doc__
    assert [name for name in offered if name not in drawn] == []


def test_a_single_problem_stands_on_the_line_of_the_verdict():
    assert str(PackError(["the version is empty"])) == "nothing was packed: the version is empty"


def test_several_problems_are_listed_below_their_number():
    error = CorruptArchiveError("cat.mar", ["the end is missing", "the CRC is wrong"])
    assert str(error) == "cat.mar is damaged: 2 problems\n- the end is missing\n- the CRC is wrong"


def test_a_target_that_exists_is_named_with_what_to_do():
    error = TargetExistsError("out/cat.mar")
    assert error.path == Path("out/cat.mar")
    assert "out/cat.mar already exists" in str(error)
    assert "--force" in str(error)


def test_a_source_that_changed_is_named():
    error = SourceChangedError("weights.pt")
    assert error.path == Path("weights.pt")
    assert "weights.pt changed while it was being packed" in str(error)
