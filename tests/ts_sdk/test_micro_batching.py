"""A batch in parts, whose phases overlap."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import ts_sdk
from ts_sdk import BaseHandler, Context, RequestError
from ts_sdk.micro_batching import MicroBatching

WAIT_S = 30


class Doubling(BaseHandler):
    """Each phase leaves its mark on a row."""

    def preprocess(self, data):
        return [row["body"] for row in data]

    def inference(self, data):
        return [2 * value for value in data]

    def postprocess(self, data):
        return [{"answer": value} for value in data]


def rows(*values):
    return [{"body": value} for value in values]


def answers(*values):
    return [{"answer": value} for value in values]


@pytest.fixture
def in_parts():
    """A handler's `MicroBatching`; its threads are ended after the test."""
    made = []

    def make(handler, *args, **options):
        made.append(MicroBatching(handler, *args, **options))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


@pytest.fixture
def context_of():
    """A context of requests with the given headers."""

    def make(*headers):
        context = Context("cat", "/cat", {}, 8, None, "0.12.0", metrics=ts_sdk.Metrics("cat"))
        return context.for_batch(headers, [str(index) for index, _ in enumerate(headers)])

    return make


def ours():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ts_sdk ")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_answers_come_in_the_order_of_the_requests(in_parts, size):
    batching = in_parts(Doubling(), size, {"preprocess": 2, "inference": 3, "postprocess": 2})
    assert batching.handle(rows(1, 2, 3, 4, 5)) == answers(2, 4, 6, 8, 10)


def test_no_requests_have_no_answers(in_parts):
    assert in_parts(Doubling()).handle([]) == []


def test_phases_of_different_parts_overlap(in_parts):
    """The first part leaves `inference` only when the second has been preprocessed."""
    second_is_ready = threading.Event()

    class Handler(Doubling):
        def preprocess(self, data):
            if data[0]["body"] == 2:
                second_is_ready.set()
            return super().preprocess(data)

        def inference(self, data):
            assert second_is_ready.wait(WAIT_S)
            return super().inference(data)

    assert in_parts(Handler()).handle(rows(1, 2)) == answers(2, 4)


def test_parallelism_lets_several_parts_into_a_phase(in_parts):
    both = threading.Barrier(2, timeout=WAIT_S)

    class Handler(Doubling):
        def inference(self, data):
            both.wait()
            return super().inference(data)

    batching = in_parts(Handler(), 1, {"inference": 2})
    assert batching.handle(rows(1, 2, 3, 4)) == answers(2, 4, 6, 8)


def test_a_phase_knows_which_part_it_has(in_parts):
    class Handler(Doubling):
        def inference(self, data):
            return [(batching.get_micro_batch_idx(), value) for value in data]

    batching = in_parts(Handler(), 2)
    assert batching.handle(rows("a", "b", "c")) == answers((0, "a"), (0, "b"), (1, "c"))
    assert batching.get_micro_batch_idx() is None


@pytest.mark.parametrize("phase", ["preprocess", "inference", "postprocess"])
def test_an_error_in_a_phase_reaches_the_caller_and_the_next_batch_is_handled(in_parts, phase):
    class Handler(Doubling):
        fails = True

    def failing(self, data):
        if self.fails:
            raise ArithmeticError(f"{phase} of {len(data)}")
        return getattr(Doubling, phase)(self, data)

    setattr(Handler, phase, failing)
    handler = Handler()
    batching = in_parts(handler, 2)
    with pytest.raises(ArithmeticError, match=f"{phase} of 2"):
        batching.handle(rows(1, 2, 3, 4))
    handler.fails = False
    assert batching.handle(rows(1, 2)) == answers(2, 4)


def test_of_several_errors_the_first_parts_is_raised(in_parts):
    class Handler(Doubling):
        def inference(self, data):
            raise ValueError(data)

    with pytest.raises(ValueError, match=r"\[1\]"):
        in_parts(Handler(), 1, {"inference": 3}).handle(rows(1, 2, 3))


def test_several_callers_at_once_each_get_their_own_answers(in_parts):
    batching = in_parts(Doubling(), 2, {"inference": 2})

    def ask(number):
        return batching.handle(rows(*range(number, number + 5)))

    with ThreadPoolExecutor(8) as pool:
        for number, answered in enumerate(pool.map(ask, range(100))):
            assert answered == answers(*(2 * value for value in range(number, number + 5)))


class TestThreads:
    def test_each_phase_has_one_unless_it_is_told(self, in_parts):
        batching = in_parts(Doubling(), parallelism={"inference": 3})
        assert batching.parallelism == {"inference": 3}
        counts = {phase: len(threads) for phase, threads in batching.thread_groups.items()}
        assert counts == {"preprocess": 1, "inference": 3, "postprocess": 1}

    def test_their_number_can_be_changed_either_way(self, in_parts):
        batching = in_parts(Doubling(), parallelism={"inference": 3})
        batching.parallelism = {"inference": 1, "postprocess": 2}
        assert batching.parallelism == {"inference": 1, "postprocess": 2}
        counts = {phase: len(threads) for phase, threads in batching.thread_groups.items()}
        assert counts == {"preprocess": 1, "inference": 1, "postprocess": 2}
        assert batching.handle(rows(1, 2)) == answers(2, 4)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"parallelism": {"prepare": 1}}, "no phase 'prepare'"),
            ({"parallelism": {"inference": 0}}, "inference needs 1 thread or more, not 0"),
            ({"micro_batch_size": 0}, "must be 1 or more, not 0"),
        ],
    )
    def test_numbers_that_cannot_be_are_refused(self, options, message):
        before = ours()
        with pytest.raises(ValueError, match=message):
            MicroBatching(Doubling(), **options)
        assert ours() == before

    def test_they_do_not_keep_the_program_alive(self, in_parts):
        groups = in_parts(Doubling()).thread_groups.values()
        assert all(thread.daemon for group in groups for thread in group)

    def test_shutting_down_ends_them_and_refuses_what_comes_after(self):
        batching = MicroBatching(Doubling())
        threads = [thread for group in batching.thread_groups.values() for thread in group]
        batching.shutdown()
        batching.shutdown()
        assert not any(thread.is_alive() for thread in threads)
        with pytest.raises(RuntimeError, match="have been shut down"):
            batching.handle(rows(1))

    def test_shutting_down_wakes_those_who_wait_for_answers(self):
        entered, may_go_on = threading.Event(), threading.Event()

        class Handler(Doubling):
            def preprocess(self, data):
                entered.set()
                may_go_on.wait(WAIT_S)
                return super().preprocess(data)

        batching = MicroBatching(Handler())
        with ThreadPoolExecutor(2) as pool:
            waiting = pool.submit(batching.handle, rows(1, 2))
            assert entered.wait(WAIT_S)
            ending = pool.submit(batching.shutdown)
            may_go_on.set()
            with pytest.raises(RuntimeError, match="have been shut down"):
                waiting.result(WAIT_S)
            ending.result(WAIT_S)

    def test_they_end_when_nobody_has_the_handler(self):
        handler = Doubling()
        handler.handle = MicroBatching(handler)
        threads = [thread for group in handler.handle.thread_groups.values() for thread in group]
        assert handler.handle.handle(rows(1)) == answers(2)
        del handler
        gc.collect()
        for thread in threads:
            thread.join(WAIT_S)
        assert not any(thread.is_alive() for thread in threads)


class TestInPlaceOfHandle:
    """``self.handle = MicroBatching(self)``."""

    def test_the_handlers_time_is_measured(self, in_parts, context_of):
        context = context_of({}, {})
        assert in_parts(Doubling())(rows(1, 2), context) == answers(2, 4)
        assert context.metrics["HandlerTime"].count == 1

    def test_requests_that_ask_for_something_else_are_answered_beside_the_others(
        self, in_parts, context_of
    ):
        class Handler(Doubling):
            def describe_handle(self):
                return "doubles"

            def get_insights(self, tensor_data, raw_data, target):
                return [f"{raw_data} for {target}"]

        context = context_of({}, {"describe": "True"}, {"explain": "True"}, {})
        answered = in_parts(Handler())(rows(1, 2, 3, 4), context)
        assert answered == [{"answer": 2}, "doubles", "3 for 0", {"answer": 8}]

    def test_a_class_of_its_own_kind_is_given_the_context(self, in_parts, context_of):
        class Plain:
            def preprocess(self, data):
                return data

            def inference(self, data):
                return [self.context.get_request_id(0) + row["body"] for row in data]

            def postprocess(self, data):
                return data

        assert in_parts(Plain())(rows("a", "b"), context_of({}, {})) == ["0a", "0b"]

    @pytest.mark.parametrize("phase", ["preprocess", "inference", "postprocess"])
    def test_a_rejected_request_is_the_one_that_was_meant(self, in_parts, context_of, phase):
        def rejecting(self, data):
            values = [row["body"] if phase == "preprocess" else row for row in data]
            for index, value in enumerate(values):
                if value in (3, 6):
                    self.reject(index, f"no {value}", status=422)
            kept = [row for row, value in zip(data, values, strict=True) if value not in (3, 6)]
            return getattr(Doubling, phase)(self, kept)

        handler_class = type("Handler", (Doubling,), {phase: rejecting})
        context = context_of(*[{}] * 5)
        given = rows(1, 2, 3, 4, 5) if phase != "postprocess" else rows(1, 2, 1.5, 4, 5)
        answered = in_parts(handler_class(), 2)(given, context)
        assert answered[2]["code"] == 422
        assert context.get_response_status(2)[0] == 422
        assert [answered[index] for index in (0, 1, 4)] == answers(2, 4, 10)
        assert [context.get_response_status(index)[0] for index in (0, 1, 4)] == [200] * 3

    def test_a_part_may_be_rejected_whole(self, in_parts, context_of):
        class Handler(Doubling):
            def preprocess(self, data):
                for index, row in enumerate(data):
                    if row["body"] < 0:
                        self.reject(index, "negative")
                return super().preprocess([row for row in data if row["body"] >= 0])

        answered = in_parts(Handler(), 2)(rows(-1, -2, 3), context_of({}, {}, {}))
        assert [answer.get("code") for answer in answered] == [400, 400, None]

    def test_an_error_that_names_a_row_names_it_in_the_batch(self, in_parts, context_of):
        class Handler(Doubling):
            def inference(self, data):
                for index, value in enumerate(data):
                    if value == 4:
                        raise RequestError("not four", index=index)
                return super().inference(data)

        with pytest.raises(RequestError, match="not four") as caught:
            in_parts(Handler(), 2)(rows(1, 2, 3, 4, 5), context_of(*[{}] * 5))
        assert caught.value.index == 3

    def test_too_few_answers_are_an_error_of_the_contract(self, in_parts, context_of):
        class Handler(Doubling):
            def postprocess(self, data):
                return super().postprocess(data)[1:]

        with pytest.raises(ts_sdk.HandlerContractError, match="returned 1 answers for 2 requests"):
            in_parts(Handler(), 2)(rows(1, 2, 3, 4), context_of(*[{}] * 4))


FILES = {
    "handler.py": """
        from ts.torch_handler.base_handler import BaseHandler
        from ts.handler_utils.micro_batching import MicroBatching
        class Handler(BaseHandler):
            def initialize(self, context):
                self.handle = MicroBatching(self, micro_batch_size=2)
            def preprocess(self, data):
                import late
                return [late.GREETING + row["body"] for row in data]
            def inference(self, data):
                import importlib
                size = len(self.context.request_processor)
                mark = importlib.import_module("later").MARK
                if any("bad" in text for text in data):
                    raise ValueError("a bad one")
                return [f"{text}{mark} of {size}" for text in data]
            def postprocess(self, data): return data
    """,
    "later.py": "MARK = '!'",
}


class TestInAnArchive:
    def load(self, load_folder, greeting):
        files = {**FILES, "late.py": f"GREETING = '{greeting} '"}
        return load_folder(files, name=greeting)

    def test_the_phases_find_modules_and_context_as_in_handle(self, load_folder):
        hello, bye = self.load(load_folder, "hello"), self.load(load_folder, "bye")
        for _ in range(2):
            assert hello.predict_batch(["a", "b", "c"]) == [
                "hello a! of 3", "hello b! of 3", "hello c! of 3",
            ]  # fmt: skip
            assert bye.predict_batch(["a"]) == ["bye a! of 1"]

    def test_one_bad_request_does_not_spoil_the_batch(self, load_folder):
        model = self.load(load_folder, "hello")
        answered = model.predict_batch(["a", "bad", "c"])
        assert isinstance(answered[1], RequestError)
        assert "a bad one" in answered[1].message
        assert "handler.py" in answered[1].message
        assert [answered[index].split()[1] for index in (0, 2)] == ["a!", "c!"]

    def test_its_threads_end_with_the_model(self, load_folder):
        before = set(ours())
        model = self.load(load_folder, "hello")
        started = set(ours()) - before
        assert len(started) >= 3
        model.predict("a")
        model.close()
        for thread in started:
            thread.join(WAIT_S)
        assert not any(thread.is_alive() for thread in started)
