"""The envelope ``json``: answers are those of the original class, byte for byte."""

import numpy as np
import pytest

from ts_sdk.envelopes import JSONEnvelope

BODY = {"instances": [1, 2]}


def echo(data, _):
    return [repr(row) for row in data]


def test_the_instances_of_all_requests_are_one_batch(context_of):
    seen = []

    def handle(data, _):
        seen.append(data)
        return [10 * number for number in data]

    answers = JSONEnvelope(handle).handle(
        [{"body": BODY}, {"data": {"instances": [3]}}], context_of({}, {})
    )
    assert seen == [[1, 2, 3]]
    assert answers == ['{"predictions": [10, 20]}', '{"predictions": [30]}']


@pytest.mark.parametrize(
    "row",
    [
        {"body": BODY},
        {"data": BODY, "body": {"instances": [7]}},
        {"body": bytearray(b'{"instances": [1, 2]}')},
        {"body": memoryview(b'{"instances": [1, 2]}')},
        {"body": '{"instances": [1, 2]}'},
        BODY,
    ],
)
def test_where_instances_may_stand(context_of, row):
    assert JSONEnvelope(echo).handle([row], context_of({})) == ['{"predictions": ["1", "2"]}']


def test_base64_is_bytes_as_an_instance_and_as_a_value_of_one(context_of):
    instances = [
        {"b64": "YQ=="},
        {"x": {"b64": "YWI="}, "y": {"b64": "YQ==", "z": 1}},
        [{"b64": 1}],
    ]
    row = {"body": {"instances": instances}}
    seen = []
    JSONEnvelope(lambda data, _: seen.extend(data) or [0, 0, 0]).handle([row], context_of({}))
    assert seen == [b"a", {"x": b"ab", "y": {"b64": "YQ==", "z": 1}}, [{"b64": 1}]]
    assert instances[0] == {"b64": "YQ=="}, "the request itself stays as it was"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([float("nan"), None], '{"predictions": [NaN, null]}'),
        (["ü", True], '{"predictions": ["\\u00fc", true]}'),
        ((7, [8.0]), '{"predictions": [7, [8.0]]}'),
    ],
)
def test_predictions_are_written_as_the_original_wrote_them(context_of, answers, expected):
    assert JSONEnvelope(lambda *_: answers).handle([{"body": BODY}], context_of({})) == [expected]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        ([1], "must be a JSON object, not a list"),
        (3.5, "must be a JSON object, not a number"),
        (True, "must be a JSON object, not true or false"),
        ({"inputs": 1}, "no \"instances\" (it has 'inputs'); send"),
        ({}, 'no "instances" (it has nothing); send'),
        ({"instances": {"a": 1}}, '"instances" must be a list, not an object'),
        ({"instances": None}, '"instances" must be a list, not null'),
        ({"instances": []}, '"instances" is empty'),
        ({"instances": [1, {"b64": "a"}]}, 'instance 1: "b64" is not base64'),
        ({"instances": [{"x": {"b64": 1}}]}, "instance 0, 'x': \"b64\" must be base64 text, not a"),
    ],
)
def test_a_bad_request_is_refused_and_the_others_are_answered(context_of, statuses, body, told):
    context = context_of({}, {}, {})
    rows = [{"body": {"instances": [1]}}, {"body": body}, {"body": {"instances": [2]}}]
    first, bad, last = JSONEnvelope(echo).handle(rows, context)
    assert (first, last) == ('{"predictions": ["1"]}', '{"predictions": ["2"]}')
    assert bad["code"] == 400
    assert told in bad["message"]
    assert statuses(context) == [200, 400, 200]


def test_a_batch_without_one_good_request_never_reaches_the_handler(context_of):
    seen = []
    answers = JSONEnvelope(lambda *given: seen.append(given)).handle(
        [{"body": "x"}, {"body": 1}], context_of({}, {})
    )
    assert [answer["code"] for answer in answers] == [400, 400]
    assert seen == []


def test_predictions_that_are_no_json_spoil_their_own_request_only(context_of, statuses):
    def handle(data, _):
        return [np.zeros(2) if number == 2 else number for number in data]

    context = context_of({}, {})
    bad, good = JSONEnvelope(handle).handle([{"body": BODY}, {"body": {"instances": [5]}}], context)
    assert bad["code"] == 503
    assert "ndarray is not JSON serializable; return numbers" in bad["message"]
    assert good == '{"predictions": [5]}'
    assert statuses(context) == [503, 200]


def test_the_two_methods_work_by_themselves():
    """As tests of the original called them."""
    envelope = JSONEnvelope(echo)
    rows = envelope.parse_input([{"body": BODY}, {"body": {"instances": [3]}}])
    assert rows == [1, 2, 3]
    assert envelope.format_output(rows) == ['{"predictions": [1, 2]}', '{"predictions": [3]}']


def test_a_subclass_may_change_what_goes_in_and_out(context_of):
    class Tenfold(JSONEnvelope):
        def parse_input(self, data):
            return [10 * number for number in super().parse_input(data)]

        def format_output(self, data):
            return super().format_output([f"<{each}>" for each in data])

    answers = Tenfold(lambda data, _: data).handle([{"body": BODY}], context_of({}))
    assert answers == ['{"predictions": ["<10>", "<20>"]}']
