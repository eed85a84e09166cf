"""Which requests of a batch are left out, and where the answers of the others belong."""

import threading

import pytest

from ts_sdk import Context
from ts_sdk.batch import Batch, current_batch, handling
from ts_sdk.errors import HandlerContractError


@pytest.fixture
def context():
    archive = Context("cat", "/m", {}, 4, None, "0.12.0")
    return archive.for_batch([{}] * 4, list("abcd"))


def refused(message, status=400):
    kind = "BadRequestException" if status < 500 else "InternalServerException"
    return {"code": status, "type": kind, "message": message}


def test_rejected_rows_have_error_answers_at_their_places(context):
    batch = Batch(4, context)
    batch.reject(0, 400, "no picture")
    batch.reject(2, 500, "my fault")
    assert batch.keep_rest() == [1, 3]
    assert batch.merge(["b", "d"]) == [
        refused("no picture"),
        "b",
        refused("my fault", 500),
        "d",
    ]


def test_rows_are_counted_as_the_running_phase_was_given_them(context):
    """After a rejection in preprocess, row 0 of postprocess is another request."""
    batch = Batch(4, context)
    batch.reject(0, 400, "first")
    batch.keep_rest()
    batch.reject(1, 422, "third")
    assert batch.merge(["b", "d"]) == [refused("first"), "b", refused("third", 422), "d"]
    assert [context.get_response_status(index)[0] for index in range(4)] == [400, 200, 422, 200]


def test_the_answers_of_rows_rejected_late_may_be_left_out_or_not(context):
    for answers in (["b", "c", "d"], ["c", "d"]):
        batch = Batch(4, context)
        batch.reject(0, 400, "early")
        batch.keep_rest()
        batch.reject(0, 400, "late")
        assert batch.merge(answers) == [refused("early"), refused("late"), "c", "d"]


def test_all_rejected(context):
    batch = Batch(2, context)
    batch.reject(0, 400, "a")
    batch.reject(1, 400, "b")
    assert batch.keep_rest() == []
    assert batch.merge([]) == [refused("a"), refused("b")]


@pytest.mark.parametrize("index", [4, -1])
def test_a_row_that_is_not_there_cannot_be_rejected(context, index):
    with pytest.raises(HandlerContractError, match=r"there are 4 rows, counted from 0"):
        Batch(4, context).reject(index, 400, "no picture")


@pytest.mark.parametrize("answers", [["b"], ["a", "b", "c"], ["a", "b", "c", "d"]])
def test_answers_that_fit_neither_way_say_how_many_were_wanted(context, answers):
    batch = Batch(4, context)
    batch.reject(0, 400, "a")
    batch.reject(1, 400, "b")
    batch.keep_rest()
    with pytest.raises(HandlerContractError, match=r"for 2 requests \(2 more were rejected"):
        batch.merge(answers)


@pytest.mark.parametrize(
    ("answers", "told"), [(None, "None"), ("ab", "a str"), ({}, "a dict"), (range(1), "a range")]
)
def test_answers_that_are_no_list_say_what_they_are(context, answers, told):
    batch = Batch(2, context)
    batch.reject(0, 400, "a")
    with pytest.raises(HandlerContractError, match=f"returned {told}, not a list"):
        batch.merge(answers)


def test_the_status_phrase_is_one_line(context):
    """The old server puts it into the first line of its response."""
    batch = Batch(4, context)
    batch.reject(1, 400, "no picture:\r\n  it is empty")
    assert context.get_response_status(1) == (400, "no picture: it is empty")
    assert batch.merge(["a", "c", "d"])[1]["message"] == "no picture:\r\n  it is empty"


def test_a_second_try_forgets_the_first(context):
    batch = Batch(4, context)
    assert batch.begin() == [0, 1, 2, 3]
    batch.reject(1, 400, "no picture")
    batch.keep_rest()
    assert batch.begin() == [0, 1, 2, 3]
    assert batch.merge(list("abcd")) == list("abcd")
    assert context.get_response_status(1)[0] == 200


def test_what_is_rejected_before_the_first_try_takes_no_part_in_it(context):
    batch = Batch(4, context)
    batch.reject(1, 400, "no picture")
    assert batch.begin() == [0, 2, 3]
    assert batch.merge(["a", "c", "d"]) == ["a", refused("no picture"), "c", "d"]


def test_it_works_without_a_context():
    batch = Batch(2, None)
    batch.reject(1, 400, "b")
    assert batch.merge(["a"]) == ["a", refused("b")]


def test_each_thread_has_its_own_batch():
    seen = []
    with handling(Batch(1, None)) as mine:
        thread = threading.Thread(target=lambda: seen.append(current_batch()))
        thread.start()
        thread.join()
        with handling(Batch(2, None)) as inner:
            assert current_batch() is inner
        assert current_batch() is mine
    assert seen == [None]
    assert current_batch() is None
