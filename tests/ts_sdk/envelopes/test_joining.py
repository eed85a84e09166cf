"""Several rows a request: errors find their request, and the context fits the rows."""

import threading

import pytest

from ts_sdk import Context, HandlerContractError, RequestError
from ts_sdk.batch import Batch, current_batch, handling
from ts_sdk.envelopes import JSONEnvelope, KServeEnvelope, KServev2Envelope


def of(*instances):
    return {"body": {"instances": list(instances)}}


def test_a_rejected_instance_refuses_its_request_and_is_named(doubling, context_of, statuses):
    context = context_of({}, {}, {})
    rows = [of(1, 2), of(3, "x", "y"), of(4)]
    answers = JSONEnvelope(doubling.handle).handle(rows, context)
    assert answers[0] == '{"predictions": [2, 4]}'
    assert answers[1] == {
        "code": 400,
        "type": "BadRequestException",
        "message": "instance 1: 'x' is no number",
    }
    assert answers[2] == '{"predictions": [8]}'
    assert statuses(context) == [200, 400, 200]
    assert context.get_response_status(1) == (400, "instance 1: 'x' is no number")


def test_a_handler_may_reject_before_it_calls_handle_of_the_base_class(doubling, context_of):
    def handle(data, context):
        doubling.reject(1, "not today", status=503)
        return doubling.handle(data, context)

    refused, answered = JSONEnvelope(handle).handle([of(1, 2), of(3)], context_of({}, {}))
    assert refused["code"] == 503
    assert refused["message"] == "instance 1: not today"
    assert answered == '{"predictions": [6]}'


def test_a_handler_may_leave_out_the_answers_of_rejected_instances(doubling, context_of):
    def handle(data, _):
        doubling.reject(0, "no")
        return data[1:]

    refused, answered = JSONEnvelope(handle).handle([of(1, 2), of(3)], context_of({}, {}))
    assert refused["message"] == "instance 0: no"
    assert answered == '{"predictions": [3]}'


def test_an_error_with_the_index_of_an_instance_gets_that_of_its_request(context_of):
    def handle(data, _):
        raise RequestError("too long", index=3)

    with pytest.raises(RequestError, match=r"request 2 failed .*: instance 2: too long") as failed:
        JSONEnvelope(handle).handle([of(1), {"body": "x"}, of(1, 2, 3)], context_of({}, {}, {}))
    assert failed.value.index == 2
    assert failed.value.client_message == "instance 2: too long"


def test_what_the_client_is_told_stays_where_it_differs(context_of):
    def handle(data, _):
        raise RequestError("at line 3", index=0, client_message="Prediction failed")

    with pytest.raises(RequestError) as failed:
        JSONEnvelope(handle).handle([of(1, 2)], context_of({}))
    assert failed.value.client_message == "Prediction failed"


@pytest.mark.parametrize(("rows", "index"), [([of(1, 2)], 0), ([of(1), of(2, 3)], None)])
def test_an_error_without_an_index_is_that_of_the_only_request(context_of, rows, index):
    def handle(data, _):
        raise RequestError("no")

    with pytest.raises(RequestError) as failed:
        JSONEnvelope(handle).handle(rows, context_of(*[{}] * len(rows)))
    assert failed.value.index == index


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([1, 2], "returned 2 answers for the 3 rows of 2 requests"),
        ([1, 2, 3, 4], "returned 4 answers for the 3 rows of 2 requests"),
        (None, "returned None, not a list"),
        ("abc", "returned a str, not a list"),
    ],
)
@pytest.mark.parametrize("envelope", [JSONEnvelope, KServeEnvelope])
def test_the_wrong_number_of_answers_says_how_many_were_wanted(context_of, envelope, answers, told):
    with pytest.raises(HandlerContractError, match=told):
        envelope(lambda *_: answers).handle([of(1), of(2, 3)], context_of({}, {}))


def test_each_instance_has_the_headers_and_the_id_of_its_request(context_of):
    seen = []

    def handle(data, context):
        seen.extend(
            (context.get_request_id(row), context.get_request_header(row, "lang"))
            for row in range(len(data))
        )
        return data

    rows = [of(1, 2), {"body": "bad"}, of(3)]
    JSONEnvelope(handle).handle(rows, context_of({"lang": "en"}, {"lang": "fr"}, {"lang": "de"}))
    assert seen == [("id-0", "en"), ("id-0", "en"), ("id-2", "de")]


def test_what_the_handler_says_of_an_instances_response_goes_to_its_request(context_of, statuses):
    def handle(data, context):
        context.set_response_content_type(0, "text/x-one")
        context.set_response_header(2, "etag", "abc")
        context.set_response_status(202, "half", 1)
        context.set_response_status(507, "full", 3)
        context.set_response_status(404, "gone", 4)
        return data

    context = context_of({}, {}, {}, {})
    JSONEnvelope(handle).handle([of(1, 2), of(3), of(4, 5), of(6)], context)
    assert context.get_response_content_type(0) == "text/x-one"
    assert context.get_response_headers(1) == {"etag": "abc"}
    assert statuses(context) == [202, 200, 507, 200]
    assert context.get_response_status(2) == (507, "full")
    assert context.get_response_status(3) == (200, None)


def test_attributes_that_a_handler_sets_on_the_context_stay(context_of):
    def handle(data, context):
        context.cache = {"seen": len(data)}
        return data

    context = context_of({})
    JSONEnvelope(handle).handle([of(1, 2)], context)
    assert context.cache == {"seen": 2}


def test_where_rows_are_requests_the_handler_has_the_batchs_own_context(context_of):
    context = context_of({}, {})
    seen = []
    JSONEnvelope(lambda data, given: seen.append(given) or data).handle([of(1), of(2)], context)
    assert seen == [context]
    assert seen[0] is context


def test_pieces_of_a_streamed_answer_reach_the_batchs_reader(context_of):
    context = context_of({}, {"lang": "en"})
    pieces = []
    context.send_intermediate = pieces.append

    def handle(data, given):
        given.send_intermediate(["first", "second"])
        return data

    JSONEnvelope(handle).handle([of(1, 2), of(3)], context)
    assert pieces == [["first", "second"]]


def test_the_phases_of_a_base_handler_are_timed_with_the_batchs(doubling, context_of):
    context = context_of({})
    with handling(Batch(1, context)) as batch:
        JSONEnvelope(doubling.handle).handle([of(1, 2)], context)
        assert current_batch() is batch
    assert {"preprocess", "inference", "postprocess"} <= set(batch.times)


def test_a_request_for_a_description_and_its_answer_stay_as_they_are(context_of):
    seen = []

    def handle(data, context):
        seen.extend(data)
        about = [context.get_request_header(row, "describe") for row in range(len(data))]
        return [{"about": "cats"} if each else row for each, row in zip(about, data, strict=True)]

    context = context_of({}, {"describe": "True"}, {})
    answers = KServeEnvelope(handle).handle([of(1, 2), {}, of(3)], context)
    assert seen == [1, 2, {}, 3]
    assert answers == [{"predictions": [1, 2]}, {"about": "cats"}, {"predictions": [3]}]


@pytest.mark.parametrize("envelope", [JSONEnvelope, KServeEnvelope, KServev2Envelope])
def test_a_base_handler_describes_itself_through_an_envelope(doubling, context_of, envelope):
    doubling.describe_handle = lambda: {"about": "numbers"}
    context = context_of({"describe": "True"})
    assert envelope(doubling.handle).handle([{}], context) == [{"about": "numbers"}]


def test_initialisation_goes_to_the_handler_untouched():
    seen = []
    archive = Context("cat", "/m", {}, 1, None, "0.12.0")
    assert JSONEnvelope(lambda *given: seen.append(given)).handle(None, archive) is None
    assert seen == [(None, archive)]


@pytest.mark.parametrize("context", [None, Context("cat", "/m", {}, 4, None, "0.12.0")])
def test_a_context_that_knows_none_of_the_requests_is_handed_on(doubling, context):
    """As in unit tests of handlers, whose context is a stand-in."""
    seen = []

    def handle(data, given):
        seen.append(given)
        return doubling.handle(data, given)

    first, second = KServeEnvelope(handle).handle([of(1, 2), of("x", 3)], context)
    assert seen == [context]
    assert first == {"predictions": [2, 4]}
    assert second["message"] == "instance 0: 'x' is no number"


def test_answers_without_a_question_are_refused():
    with pytest.raises(RuntimeError, match="without a parse_input"):
        JSONEnvelope(lambda *_: []).format_output([1])


def test_two_threads_at_once_do_not_mix_their_requests(context_of):
    both_inside = threading.Barrier(2)

    def handle(data, _):
        both_inside.wait(timeout=30)
        return data

    envelope = JSONEnvelope(handle)
    answers = {}

    def ask(number, rows):
        answers[number] = envelope.handle(rows, context_of(*[{}] * len(rows)))

    batches = [[of(1, 2), of(3)], [of(4), of(5, 6, 7)]]
    threads = [threading.Thread(target=ask, args=given) for given in enumerate(batches)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert answers == {
        0: ['{"predictions": [1, 2]}', '{"predictions": [3]}'],
        1: ['{"predictions": [4]}', '{"predictions": [5, 6, 7]}'],
    }
