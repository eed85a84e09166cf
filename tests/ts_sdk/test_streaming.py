"""Answers in pieces, through every way that TorchServe's handlers have of sending them."""

import threading

import pytest

from ts_sdk import HandlerContractError, RequestError

SENDS_PIECES = """
from ts_sdk import BaseHandler

class Counts(BaseHandler):
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        for number in range(3):
            context.set_response_content_type(0, "text/plain")
            context.send_intermediate([f"{row['body']}{number} " for row in data])
        return ["end"] * len(data)
"""
GENERATOR = """
def handle(data, context):
    if data is None:
        return None
    return pieces(data)

def pieces(data):
    for number in range(3):
        yield [f"{row['body']}{number}" for row in data]
"""
ASYNC_GENERATOR = GENERATOR.replace("def pieces", "async def pieces")
INFERENCE_GENERATOR = """
import torch
from ts_sdk import BaseHandler

class Grows(BaseHandler):
    def initialize(self, context):
        self.device = torch.device("cpu")

    def inference(self, data):
        for factor in (1, 2, 3):
            yield data * factor
"""
CONTINUOUS = """
def handle(data, context):
    if data is None:
        context.cache = {}
        return None
    counts = []
    for index, row in enumerate(data):
        number = context.get_request_id(index)
        if number not in context.cache:
            context.cache[number] = list(row["body"])
        counts.append(context.cache[number])
    context.stopping_criteria = [lambda answer, left=left: not left for left in counts]
    return [left.pop(0) for left in counts]
"""


@pytest.fixture
def load(load_folder):
    return lambda source, **options: load_folder({"handler.py": source}, **options)


class TestAStream:
    @pytest.mark.parametrize(
        ("source", "given", "pieces"),
        [
            (SENDS_PIECES, "a", ["a0 ", "a1 ", "a2 ", "end"]),
            (GENERATOR, "a", ["a0", "a1", "a2"]),
            (ASYNC_GENERATOR, "a", ["a0", "a1", "a2"]),
            (INFERENCE_GENERATOR, [1.0], [[1.0], [2.0], [3.0]]),
            (CONTINUOUS, [5, 6, 7], [5, 6, 7]),
            ("def handle(data, context):\n    return data and ['all']\n", "a", ["all"]),
        ],
    )
    def test_gives_each_piece_and_the_last_answer(self, load, source, given, pieces):
        assert list(load(source).stream(given)) == pieces

    def test_gives_a_piece_while_the_handler_is_still_at_work(self, load):
        model = load(
            """
            import threading
            go_on = threading.Event()

            def handle(data, context):
                if data is None:
                    return None
                context.send_intermediate(["first"])
                assert go_on.wait(30)
                return [go_on.is_set()]
            """
        )
        stream = model.stream("x")
        assert next(stream) == "first"
        model._runner._code.module("handler").go_on.set()
        assert list(stream) == [True]

    def test_raises_what_became_of_its_request_after_the_pieces(self, load):
        model = load(
            """
            def handle(data, context):
                if data:
                    context.send_intermediate(["first"])
                    raise ValueError("no more")
            """
        )
        stream = model.stream("x")
        assert next(stream) == "first"
        with pytest.raises(RequestError, match="ValueError: no more"):
            next(stream)

    def test_that_nobody_reads_to_its_end_leaves_the_model_usable(self, load):
        model = load(SENDS_PIECES)
        assert next(model.stream("a")) == "a0 "
        assert model.predict("b") == "end"


class TestAPiece:
    def test_for_too_few_requests_is_an_error(self, load):
        model = load(
            """
            def handle(data, context):
                if data:
                    context.send_intermediate(["only one"])
                    return data
            """
        )
        outcomes = model.predict_batch(["a", "b"])
        assert [type(outcome) for outcome in outcomes] == [HandlerContractError] * 2
        assert "1 answers for 2 requests" in str(outcomes[0])

    def test_that_was_sent_keeps_the_batch_from_being_run_again(self, load):
        model = load(
            """
            calls = []
            def handle(data, context):
                if data == [{"body": "calls"}]:
                    return [len(calls)]
                if data:
                    calls.append(1)
                    context.send_intermediate(["piece"] * len(data))
                    raise ValueError("broken")
            """
        )
        assert all(isinstance(one, RequestError) for one in model.predict_batch(["a", "b"]))
        assert model.predict("calls") == 1


class TestAResponse:
    def test_holds_all_pieces_and_says_that_no_more_follow(self, load):
        response = load(SENDS_PIECES).respond("a")
        assert response.body == b"a0 a1 a2 end"
        assert response.headers == {"content-type": "text/plain", "ts_stream_next": "false"}

    def test_of_a_continuous_batch_has_as_many_pieces_as_its_request_needs(self, load):
        bodies = [each.body for each in load(CONTINUOUS).respond_batch([[1], [2, 3, 4], [5, 6]])]
        assert bodies == [b"1", b"234", b"56"]

    def test_of_predict_is_the_last_piece(self, load):
        assert load(CONTINUOUS).predict([1, 2, 3]) == 3
        assert load(GENERATOR).predict("a") == "a2"


def test_a_generator_that_yields_nothing_is_an_error(load):
    model = load(
        "def handle(data, context):\n    return data and iter_nothing()\n"
        "def iter_nothing():\n    yield from ()\n"
    )
    with pytest.raises(HandlerContractError, match="yielded no answers"):
        model.predict("x")


def test_streams_in_several_threads_do_not_mix(load):
    model = load(GENERATOR)
    found = {}

    def read(name):
        found[name] = list(model.stream(name))

    threads = [threading.Thread(target=read, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [f"{name}0", f"{name}1", f"{name}2"] for name in "abcdefgh"}
