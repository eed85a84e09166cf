"""`BaseEnvelope` as the subclasses that users wrote for TorchServe use it."""

import threading

import pytest

from ts_sdk.envelopes import BaseEnvelope, BodyEnvelope


class Upper(BaseEnvelope):
    """In the manner of the originals: no __init__ of its own, and `self.context` is read."""

    def parse_input(self, data):
        return [row["body"].upper() for row in data]

    def format_output(self, data):
        return [f"{self.context.get_request_id(index)}:{each}" for index, each in enumerate(data)]


def test_an_envelope_of_the_users_own_stands_around_the_handler(context_of):
    answers = Upper(lambda data, _: [f"{row}!" for row in data]).handle(
        [{"body": "a"}, {"body": "b"}], context_of({}, {})
    )
    assert answers == ["id-0:A!", "id-1:B!"]


@pytest.mark.parametrize("data", [None, []])
def test_what_is_no_batch_goes_to_the_handler_as_it_is(context_of, data):
    """So a module's function is initialised."""
    seen = []
    assert Upper(lambda *given: seen.append(given)).handle(data, context := context_of({})) is None
    assert seen == [(data, context)]


@pytest.mark.parametrize("nothing", [None, []])
def test_no_answers_are_not_formatted(context_of, nothing):
    assert Upper(lambda *_: nothing).handle([{"body": "a"}], context_of({})) is nothing


def test_two_threads_see_their_own_context(context_of):
    envelope = Upper(lambda data, _: data)
    both_inside = threading.Barrier(2)
    answers = {}

    def meet(data, _):
        both_inside.wait(timeout=30)
        return data

    envelope._handle_fn = meet

    def ask(name):
        context = context_of({})
        context.request_ids = {0: name}
        answers[name] = envelope.handle([{"body": "x"}], context)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert answers == {"one": ["one:X"], "two": ["two:X"]}


def test_the_context_is_there_during_the_call_only(context_of):
    envelope = BodyEnvelope(lambda data, _: data)
    assert envelope.context is None
    envelope.handle([{"body": 1}], context_of({}))
    assert envelope.context is None


def test_a_context_that_was_set_from_outside_is_kept(context_of):
    """Tests of the originals did so, and then called parse_input() and format_output()."""
    envelope = Upper(lambda data, _: data)
    envelope.context = context_of({})
    assert envelope.format_output(["A"]) == ["id-0:A"]


def test_an_envelope_inside_of_another_one_leaves_it_its_context(context_of):
    inner = Upper(lambda data, _: data)
    outer = Upper(lambda data, context: inner.handle([{"body": row} for row in data], context))
    assert outer.handle([{"body": "a"}], context_of({})) == ["id-0:id-0:A"]
