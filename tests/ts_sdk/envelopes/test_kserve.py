"""The envelope ``kserve``: for one request the original class's answers, and whole batches."""

import pytest

from ts_sdk.envelopes import KServeEnvelope
from ts_sdk.errors import HandlerContractError


def echo(data, _):
    return data


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"body": {"instances": [{"data": [1]}, {"b64": "YQ=="}]}},
            [{"data": [1]}, {"b64": "YQ=="}],
        ),
        ({"data": {"instances": ["a"]}, "body": 1}, ["a"]),
        ({"body": bytearray(b'{"instances": [1, 2]}')}, [1, 2]),
        ({"body": '{"instances": [1, 2]}'}, [1, 2]),
    ],
)
def test_instances_come_as_they_were_sent(context_of, row, expected):
    answers = KServeEnvelope(echo).handle([row], context_of({}))
    assert answers == [{"predictions": expected}]


def test_every_request_of_a_batch_is_answered(context_of):
    rows = [{"body": {"instances": each}} for each in ([1, 2], [3], [4, 5])]
    calls = []
    answers = KServeEnvelope(lambda data, _: calls.append(data) or [10 * n for n in data]).handle(
        rows, context_of({}, {}, {})
    )
    assert answers == [{"predictions": [10, 20]}, {"predictions": [30]}, {"predictions": [40, 50]}]
    assert calls == [[1, 2, 3, 4, 5]]


def test_each_request_is_explained_as_it_asks(context_of):
    rows = [{"body": {"instances": [each]}} for each in (1, 2, 3)]
    context = context_of({"explain": "True"}, {}, {"explain": "true"})
    assert KServeEnvelope(echo).handle(rows, context) == [
        {"explanations": [1]},
        {"predictions": [2]},
        {"predictions": [3]},
    ]


@pytest.mark.parametrize("answers", [["one"], {"a": 1}, "text", ("a", "b")])
def test_a_request_that_is_alone_owns_whatever_the_handler_answers(context_of, answers):
    """As it did: handlers answered all instances by one explanation or one object."""
    row = {"body": {"instances": [1, 2, 3]}}
    assert KServeEnvelope(lambda *_: answers).handle([row], context_of({})) == [
        {"predictions": answers}
    ]


@pytest.mark.parametrize("answers", [[], None, {}])
def test_no_answer_at_all_breaks_the_contract(context_of, answers):
    with pytest.raises(HandlerContractError):
        KServeEnvelope(lambda *_: answers).handle([{"body": {"instances": [1]}}], context_of({}))


@pytest.mark.parametrize("body", [None, b"no", {"inputs": []}, {"instances": "abc"}])
def test_a_bad_request_is_refused_and_the_others_are_answered(context_of, statuses, body):
    context = context_of({}, {})
    bad, good = KServeEnvelope(echo).handle([{"body": body}, {"body": {"instances": [1]}}], context)
    assert bad["code"] == 400
    assert good == {"predictions": [1]}
    assert statuses(context) == [400, 200]
