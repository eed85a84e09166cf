"""The envelope ``kservev2``: for one request the original's answers, and the protocol beyond it."""

import json

import numpy as np
import pytest

from ts_sdk import BaseHandler
from ts_sdk.envelopes import KServev2Envelope
from ts_sdk.errors import HandlerContractError, RequestError


def tensor(name="a", data=(1, 2.5), **more):
    return {"name": name, "shape": [len(data)], "datatype": "FP32", "data": [*data], **more}


def asking(*inputs, **more):
    return {"body": {"inputs": list(inputs or [tensor()]), **more}}


def values(data, _):
    return [row["data"] for row in data]


def test_a_handler_sees_the_inputs_of_a_request_as_its_rows(context_of):
    """As the original class gave them, and the answer is the original's byte for byte."""
    seen = []
    row = asking(tensor(data=[1, 2, 3, 4], shape=[2, 2], parameters={"x": 1}), id="my")
    answers = KServev2Envelope(lambda data, _: seen.append(data) or [3]).handle(
        [row], context_of({})
    )
    assert seen == [
        [
            {
                "name": "a",
                "shape": [2, 2],
                "datatype": "FP32",
                "data": [[1, 2], [3, 4]],
                "parameters": {"x": 1},
            }
        ]
    ]
    assert json.dumps(answers) == (
        '[{"id": "my", "model_name": "cat", "model_version": "1.0", '
        '"outputs": [{"name": "a", "datatype": "INT64", "data": [3], "shape": [1]}]}]'
    )


@pytest.mark.parametrize("more", [{}, {"id": None}, {"id": "  "}])
def test_a_request_without_an_id_has_the_servers(context_of, more):
    (answer,) = KServev2Envelope(values).handle([asking(**more)], context_of({}))
    assert answer["id"] == "id-0"


def test_a_model_without_a_version_says_none(context_of):
    context = context_of({})
    context.manifest = {"model": {"modelName": "cat"}}
    (answer,) = KServev2Envelope(values).handle([asking()], context)
    assert list(answer) == ["id", "model_name", "outputs"]


def test_requests_with_one_input_each_are_one_batch(context_of):
    calls = []
    rows = [asking(tensor(name, [number]), id=name) for number, name in enumerate("xyz")]
    answers = KServev2Envelope(lambda data, _: calls.append(len(data)) or values(data, _)).handle(
        rows, context_of({}, {}, {})
    )
    assert calls == [3]
    assert [answer["id"] for answer in answers] == ["x", "y", "z"]
    assert [answer["outputs"][0]["name"] for answer in answers] == ["x", "y", "z"]
    assert [answer["outputs"][0]["data"] for answer in answers] == [[0], [1], [2]]


def test_a_request_with_several_inputs_is_a_call_of_its_own(context_of):
    """Handlers read the inputs of a model together, and may answer them once."""
    calls = []

    def handle(data, context):
        calls.append([row["name"] for row in data])
        assert len(context.request_processor) == len(data)
        return ["together"] if len(data) == 2 else values(data, context)

    rows = [
        asking(tensor("ids"), tensor("mask")),
        asking(tensor("x", [7])),
        asking(tensor("y", [8])),
    ]
    answers = KServev2Envelope(handle).handle(rows, context_of({}, {}, {}))
    assert calls == [["ids", "mask"], ["x"], ["y"]]
    assert [answer["outputs"] for answer in answers] == [
        [{"name": "ids", "datatype": "BYTES", "data": ["together"], "shape": [1]}],
        [{"name": "x", "datatype": "INT64", "data": [7], "shape": [1]}],
        [{"name": "y", "datatype": "INT64", "data": [8], "shape": [1]}],
    ]


def test_each_answer_is_named_after_its_input(context_of):
    (answer,) = KServev2Envelope(values).handle(
        [asking(tensor("a", [1]), tensor("b", [2, 3]))], context_of({})
    )
    assert [(each["name"], each["data"]) for each in answer["outputs"]] == [
        ("a", [1]),
        ("b", [2, 3]),
    ]


@pytest.mark.parametrize(
    ("rows", "answers", "told"),
    [
        ([asking()], [1, 2], r"returned 2 answers for a request with the inputs 'a'; return one"),
        ([asking()], [], r"returned 0 answers for a request with the inputs 'a'"),
        ([asking(tensor("a"), tensor("b"))], [1, 2, 3], r"returned 3 answers .* inputs 'a', 'b'"),
        ([asking(), asking()], [1], r"returned 1 answers for the 2 rows of 2 requests"),
        ([asking()], None, r"returned None, not a list"),
    ],
)
def test_the_wrong_number_of_answers_says_how_many_were_wanted(context_of, rows, answers, told):
    with pytest.raises(HandlerContractError, match=told):
        KServev2Envelope(lambda *_: answers).handle(rows, context_of(*[{}] * len(rows)))


def test_the_context_tells_of_the_inputs_while_the_handler_runs(context_of):
    told = []

    def handle(data, context):
        number = getattr(context, "input_request_id", None)
        told.append((context.input_names, context.input_parameters, number))
        return values(data, context)

    context = context_of({})
    rows = [asking(tensor("a"), tensor("b"), id="my", parameters={"top": 3})]
    KServev2Envelope(handle).handle(rows, context)
    rows = [asking(tensor("x"), id="1", parameters={"top": 4}), asking(tensor("y"))]
    KServev2Envelope(handle).handle(rows, context_of({}, {}))
    KServev2Envelope(handle).handle([asking(tensor("z"))], context)
    assert told == [
        (["a", "b"], [{"top": 3}, {"top": 3}], "my"),
        (["x", "y"], [{"top": 4}, {}], None),
        (["z"], [{}], None),
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_no_later_batch_sees_what_the_context_told(context_of, fails):
    def handle(data, context):
        if fails:
            raise ValueError
        return values(data, context)

    context = context_of({})
    try:
        KServev2Envelope(handle).handle([asking(id="my")], context)
    except ValueError:
        assert fails
    for seen in (context, context.for_batch([{}], ["next"])):
        assert not hasattr(seen, "input_names")
        assert not hasattr(seen, "input_request_id")


def test_a_handler_may_rename_its_outputs_in_the_context(context_of):
    """As handlers did before outputs could be named."""

    def handle(data, context):
        context.input_names[0] = "probabilities"
        return values(data, context)

    answers = KServev2Envelope(handle).handle([asking(), asking(tensor("b"))], context_of({}, {}))
    assert [each["outputs"][0]["name"] for each in answers] == ["probabilities", "b"]


def test_outputs_that_the_handler_names(context_of):
    answer = {"boxes": np.zeros((1, 4), "f4"), "count": np.array([1])}
    (answered,) = KServev2Envelope(lambda *_: [answer]).handle([asking()], context_of({}))
    assert answered["outputs"] == [
        {"name": "boxes", "datatype": "FP32", "data": [0, 0, 0, 0], "shape": [1, 4]},
        {"name": "count", "datatype": "INT64", "data": [1], "shape": [1]},
    ]


def test_a_request_may_choose_among_them(context_of, statuses):
    answer = {"boxes": np.array([1]), "count": np.array([2]), "more": np.array([3])}
    rows = [
        asking(outputs=[{"name": "more"}, {"name": "boxes"}]),
        asking(outputs=[{"name": "mask"}]),
        asking(outputs=[]),
    ]
    context = context_of({}, {}, {})
    chosen, wrong, every = KServev2Envelope(lambda *_: [answer] * 3).handle(rows, context)
    assert [each["name"] for each in chosen["outputs"]] == ["more", "boxes"]
    assert wrong["message"] == "there is no output 'mask'; the model has 'boxes', 'count', 'more'"
    assert [each["name"] for each in every["outputs"]] == ["boxes", "count", "more"]
    assert statuses(context) == [200, 400, 200]


def test_outputs_named_after_inputs_are_all_given(context_of):
    """As the original did, whatever a request asked for."""
    row = asking(tensor("a", [1]), outputs=[{"name": "output0"}])
    (answer,) = KServev2Envelope(values).handle([row], context_of({}))
    assert [each["name"] for each in answer["outputs"]] == ["a"]


def test_parameters_of_the_response_are_the_handlers(context_of):
    answer = {"outputs": [{"name": "p", "data": [1]}], "parameters": {"seconds": 2}}
    row = asking(parameters={"top": 3})
    (answered,) = KServev2Envelope(lambda *_: [answer]).handle([row], context_of({}))
    assert answered["parameters"] == {"seconds": 2}
    assert answered["outputs"][0]["name"] == "p"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "the request has no body"),
        (b"{", "the body is not JSON"),
        ([1], "must be a JSON object, not a list"),
        ({"instances": [1]}, 'no "inputs"; send'),
        ({"inputs": {}}, '"inputs" must be a list, not an object'),
        ({"inputs": []}, '"inputs" is empty'),
        ({"inputs": [tensor("x", shape=[3])]}, "input 'x': 2 elements do not fill its shape [3]"),
        ({"inputs": [tensor()], "id": 3}, '"id" must be text, not a number'),
        ({"inputs": [tensor()], "parameters": 3}, '"parameters" must be an object, not a number'),
        ({"inputs": [tensor()], "outputs": ["a"]}, '"outputs" must be an object with a name'),
        ({"inputs": [tensor()], "outputs": "a"}, '"outputs" must be a list, not text'),
    ],
)
def test_a_bad_request_is_refused_and_the_others_are_answered(context_of, statuses, body, told):
    context = context_of({}, {}, {})
    rows = [asking(tensor("a", [1])), {"body": body}, asking(tensor("b", [2]))]
    first, bad, last = KServev2Envelope(values).handle(rows, context)
    assert told in bad["message"]
    assert (first["outputs"][0]["data"], last["outputs"][0]["data"]) == ([1], [2])
    assert (first["id"], last["id"]) == ("id-0", "id-2")
    assert statuses(context) == [200, 400, 200]


class Rejecting(BaseHandler):
    """Rejects negative numbers."""

    def preprocess(self, data):
        kept = []
        for index, row in enumerate(data):
            if row["data"][0] < 0:
                self.reject(index, "negative")
            else:
                kept.append(row["data"])
        return kept

    def inference(self, data):
        return data

    def postprocess(self, data):
        return data


@pytest.mark.parametrize("others", [[], [tensor("b", [1])]])
def test_a_rejected_input_refuses_its_request_and_is_named(context_of, statuses, others):
    context = context_of({}, {})
    rows = [asking(tensor("a", [1])), asking(*others, tensor("x", [-1]))]
    good, bad = KServev2Envelope(Rejecting().handle).handle(rows, context)
    assert good["outputs"][0]["data"] == [1]
    assert bad["message"] == "input 'x': negative"
    assert statuses(context) == [200, 400]


@pytest.mark.parametrize(("index", "told"), [(1, "input 'b': too long"), (None, "too long")])
def test_an_error_in_a_request_of_several_inputs_is_its_own(context_of, index, told):
    def handle(data, context):
        if len(data) == 2:
            raise RequestError("too long", index=index)
        return values(data, context)

    rows = [asking(), asking(tensor("a"), tensor("b"))]
    with pytest.raises(RequestError) as failed:
        KServev2Envelope(handle).handle(rows, context_of({}, {}))
    assert failed.value.index == 1
    assert failed.value.message == told


def test_a_description_beside_predictions_stays_as_it_is(context_of):
    def handle(data, context):
        return [row.get("data", "about cats") for row in data]

    rows = [asking(tensor("a", [1])), {}, asking(tensor("b", [2]))]
    context = context_of({}, {"describe": "True"}, {})
    first, about, last = KServev2Envelope(handle).handle(rows, context)
    assert about == "about cats"
    assert [each["outputs"][0]["name"] for each in (first, last)] == ["a", "b"]


def test_the_two_methods_work_by_themselves(context_of):
    envelope = KServev2Envelope(values)
    envelope.context = context_of({})
    rows = envelope.parse_input([asking(tensor("a", [1]), tensor("b", [2]))])
    assert [row["name"] for row in rows] == ["a", "b"]
    (answer,) = envelope.format_output([[5]])
    assert answer["outputs"] == [{"name": "a", "datatype": "INT64", "data": [5], "shape": [1]}]
