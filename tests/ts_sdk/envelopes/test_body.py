"""The envelope ``body``."""

import numpy as np

from ts_sdk.envelopes import BodyEnvelope


def test_the_handler_sees_values_in_place_of_rows(context_of):
    """What the original class gave for the same rows."""
    rows = [{"body": [1.0]}, {"data": "", "body": "x"}, {"data": 0}, {"other": 1}, {"data": "d"}]
    seen = []

    def handle(data, _):
        seen.append(data)
        return ["a", "b", "c", "d", "e"]

    answers = BodyEnvelope(handle).handle(rows, context_of(*[{}] * 5))
    assert seen == [[[1.0], "x", None, None, "d"]]
    assert answers == ["a", "b", "c", "d", "e"]


def test_an_array_is_not_asked_whether_it_is_empty(context_of):
    array = np.zeros((2, 2))
    (answer,) = BodyEnvelope(lambda data, _: data).handle([{"data": array}], context_of({}))
    assert answer is array


def test_the_handler_has_the_batchs_own_context(context_of):
    context = context_of({})
    (seen,) = BodyEnvelope(lambda _, given: [given]).handle([{"body": 1}], context)
    assert seen is context


def test_a_handler_may_reject_a_request(doubling, context_of, statuses):
    context = context_of({}, {})
    answers = BodyEnvelope(doubling.handle).handle([{"body": "x"}, {"body": 2}], context)
    assert answers[0]["message"] == "'x' is no number"
    assert answers[1] == 4
    assert statuses(context) == [400, 200]
