"""`Model` answers requests; one that fails never spoils its batch, and says why it failed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import ts_sdk
from ts_sdk import (
    HandlerContractError,
    ModelClosedError,
    NonFiniteOutputError,
    Request,
    RequestError,
)

TRIPLING = """
    def handle(data, context):
        if data is None:
            return
        return [row["body"] * 3 for row in data]
"""
REJECTING = """
    import torch
    from ts_sdk import BaseHandler

    class Careful(BaseHandler):
        def initialize(self, context): self.model = torch.nn.Identity()

        def preprocess(self, data):
            numbers = []
            for index, row in enumerate(data):
                if isinstance(row["body"], (int, float)):
                    numbers.append(float(row["body"]))
                else:
                    self.reject(index, f"{row['body']!r} is no number")
            return torch.tensor(numbers)

        def postprocess(self, data):
            for index, number in enumerate(data.tolist()):
                if number < 0:
                    self.reject(index, "negative", status=422)
            return data.tolist()
"""


def told(outcomes):
    """Answers, and status with message of what failed."""
    return [
        (outcome.status, outcome.message) if isinstance(outcome, RequestError) else outcome
        for outcome in outcomes
    ]


@pytest.fixture
def load(load_folder):
    """Load a handler that is given as text."""
    return lambda text, **options: load_folder({"handler.py": text}, **options)


class TestAnswers:
    def test_one_request(self, load):
        assert load(TRIPLING).predict(2) == 6

    def test_a_batch_in_order(self, load):
        assert load(TRIPLING).predict_batch(iter([1, "a", [0]])) == [3, "aaa", [0, 0, 0]]

    def test_an_empty_batch_does_not_reach_the_handler(self, load):
        assert load("def handle(data, context): assert data is None").predict_batch([]) == []

    def test_of_handlers_that_return_other_things_than_json(self, load):
        model = load("def handle(data, context): return data and [b'png', None, {1: (2,)}]")
        assert model.predict_batch([1, 2, 3]) == [b"png", None, {1: (2,)}]

    @pytest.mark.parametrize("given", ["text", b"bytes", bytearray(), {"a": 1}, memoryview(b"")])
    def test_one_request_in_place_of_a_batch_is_a_type_error(self, load, given):
        with pytest.raises(TypeError, match=r"predict\(\) takes one request"):
            load(TRIPLING).predict_batch(given)

    def test_an_unknown_way_to_treat_errors_is_a_value_error(self, load):
        with pytest.raises(ValueError, match="'return' or 'raise', not 'ignore'"):
            load(TRIPLING).predict_batch([1], on_error="ignore")

    def test_parts_and_headers_reach_the_handler(self, load):
        model = load(
            """
            def handle(data, context):
                return data and [
                    (row["image"], row["target"], context.get_request_header(index, "explain"))
                    for index, row in enumerate(data)
                ]
            """
        )
        request = Request({"image": "x", "target": 3}, {"explain": "True"})
        assert model.predict(request) == ("x", 3, "True")

    def test_every_request_has_an_id_of_its_own(self, load):
        model = load(
            "def handle(data, context):\n"
            "    return data and [context.get_request_id(index) for index in range(len(data))]"
        )
        ids = model.predict_batch([1, 2]) + model.predict_batch([3])
        assert len(set(ids)) == 3

    def test_an_id_stays_the_same_when_a_batch_is_run_again(self, load):
        model = load(
            """
            seen = {}
            def handle(data, context):
                for index, row in enumerate(data or ()):
                    seen.setdefault(row["body"], set()).add(context.get_request_id(index))
                if data and len(data) > 1:
                    raise ValueError
                return data and [len(seen[data[0]["body"]])]
            """
        )
        assert model.predict_batch(["a", "b", "c"]) == [1, 1, 1]

    def test_a_handler_that_changes_its_rows_changes_nobody_elses(self, load):
        model = load(
            "def handle(data, context):\n    return data and [row.pop('body') for row in data]"
        )
        request = Request({"body": 1})
        assert [model.predict(request) for _ in range(2)] == [1, 1]

    def test_what_a_handler_keeps_on_its_context_lives_on(self, load):
        model = load(
            """
            def handle(data, context):
                if data is None:
                    context.count = 0
                    return
                context.count += len(data)
                return [context.count] * len(data)
            """
        )
        assert model.predict_batch([1, 2]) == [2, 2]
        assert model.predict(3) == 3
        assert model.context.count == 3


class TestRejections:
    def test_in_preprocess_and_in_postprocess(self, load):
        outcomes = load(REJECTING).predict_batch([1, "x", -2, 3])
        assert told(outcomes) == [1.0, (400, "'x' is no number"), (422, "negative"), 3.0]
        assert [outcomes[index].index for index in (1, 2)] == [1, 2]
        assert outcomes[1].answer == {
            "code": 400,
            "type": "BadRequestException",
            "message": "'x' is no number",
        }

    def test_of_the_whole_batch(self, load):
        assert told(load(REJECTING).predict_batch(["x", None])) == [
            (400, "'x' is no number"),
            (400, "None is no number"),
        ]

    def test_raise_when_the_caller_wants_so(self, load):
        model = load(REJECTING)
        with pytest.raises(
            RequestError, match="request 1 failed with status 400: 'x' is no"
        ) as caught:
            model.predict_batch([1, "x", "y", 3], on_error="raise")
        assert caught.value.__notes__ == ["1 more of 4 requests failed"]
        with pytest.raises(RequestError, match="request 0 failed with status 422: negative"):
            model.predict(-1)

    def test_beside_an_overridden_handle(self, load):
        text = (
            REJECTING
            + """
        def handle(self, data, context):
            return self.postprocess(self.inference(self.preprocess(data)))
"""
        )
        assert told(load(text).predict_batch([1, "x", 3])) == [1.0, (400, "'x' is no number"), 3.0]

    def test_in_a_batch_that_is_handled_in_parts(self, load):
        text = (
            REJECTING
            + """
        def handle(self, data, context):
            return super().handle(data[:2], context) + super().handle(data[2:], context)
"""
        )
        assert told(load(text).predict_batch([1, 2, "x", -3, 4])) == [
            1.0,
            2.0,
            (400, "'x' is no number"),
            (422, "negative"),
            4.0,
        ]

    def test_before_the_steps_of_the_base_class(self, load):
        text = (
            REJECTING
            + """
        def handle(self, data, context):
            for index, row in enumerate(data):
                if row["body"] in (7, 8):
                    self.reject(index, "unwanted", status=403)
            return super().handle(data, context)
"""
        )
        model = load(text)
        assert told(model.predict_batch([1, 7, "x", 2, -1])) == [
            1.0,
            (403, "unwanted"),
            (400, "'x' is no number"),
            2.0,
            (422, "negative"),
        ]
        assert told(model.predict_batch([7, 8])) == [(403, "unwanted")] * 2

    def test_in_a_batch_that_is_tried_twice(self, load):
        text = (
            REJECTING
            + """
        def handle(self, data, context):
            super().handle(data[::-1], context)
            return super().handle(data, context)
"""
        )
        assert told(load(text).predict_batch(["x", 2, 3])) == [(400, "'x' is no number"), 2.0, 3.0]

    def test_of_a_row_that_is_not_there_fail_the_batch(self, load):
        text = REJECTING.replace("self.reject(index, f", "self.reject(index + 9, f")
        outcomes = load(text).predict_batch([1, "x"])
        assert all(isinstance(outcome, HandlerContractError) for outcome in outcomes)
        assert "there are 2 rows" in outcomes[0].message

    @pytest.mark.parametrize(
        ("call", "answer", "expected"),
        [
            ("set_response_status(400, 'no cat', 1)", "''", (400, "no cat")),
            ("set_response_status(404, '', 1)", "'no cat here'", (404, "no cat here")),
            ("set_response_status(404, 'Not Found', 1)", "{'message': 'no cat'}", (404, "no cat")),
            ("set_response_status(500, idx=1)", "None", (500, "the handler gave no reason")),
            ("set_response_status(399, 'moved', 1)", "'as it is'", "as it is"),
        ],
    )
    def test_by_the_response_status_that_a_handler_sets_itself(self, load, call, answer, expected):
        """As handlers do that were written for the old server."""
        model = load(
            f"def handle(data, context):\n    if data:\n        context.{call}\n"
            f"        return ['fine', {answer}, 'fine']"
        )
        assert told(model.predict_batch([1, 2, 3])) == ["fine", expected, "fine"]

    def test_of_the_whole_batch_by_its_status(self, load):
        model = load(
            "def handle(data, context):\n    if data:\n"
            "        context.set_all_response_status(503, 'away')\n        return ['', '']"
        )
        assert told(model.predict_batch([1, 2])) == [(503, "away")] * 2


class TestAHandlerThatRaises:
    COUNTING = """
        sizes = []
        def handle(data, context):
            if data is None:
                return
            sizes.append(len(data))
            return [sizes if row["body"] == "sizes" else 1 / row["body"] for row in data]
    """

    def test_is_run_again_with_halves_until_the_culprits_stand_alone(self, load):
        model = load(self.COUNTING)
        outcomes = model.predict_batch([1, 2, 0, 4, 0, 8])
        assert outcomes[0::3] == [1.0, 0.25]
        assert (outcomes[1], outcomes[5]) == (0.5, 0.125)
        assert [type(outcomes[index]) for index in (2, 4)] == [RequestError] * 2
        assert outcomes[2].index == 2
        assert model.predict("sizes") == [6, 3, 1, 2, 1, 1, 3, 1, 2, 1, 1, 1]

    def test_says_the_phase_the_line_and_the_cause(self, load):
        model = load(
            """
            import torch
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                def initialize(self, context): self.model = torch.nn.Identity()
                def preprocess(self, data):
                    return torch.tensor([float(row["body"]) for row in data])
            """
        )
        failure = model.predict_batch(["x"])[0]
        assert failure.status == 503
        assert failure.message.startswith("the handler failed in preprocess: ValueError: could not")
        assert "(handler.py:7 in <listcomp>: return torch.tensor(" in failure.message or (
            "(handler.py:7 in preprocess: return torch.tensor(" in failure.message
        )
        assert isinstance(failure.__cause__, ValueError)

    def test_names_the_phase_also_where_no_line_is_the_archives(self, load):
        model = load(
            """
            import torch
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                def initialize(self, context): self.model = torch.nn.Linear(2, 1)
                def preprocess(self, data): return torch.ones(1, 3)
            """
        )
        failure = model.predict_batch([[1.0, 2.0, 3.0]])[0]
        assert failure.message.startswith("the handler failed in inference: RuntimeError: ")

    def test_is_not_run_twice_when_it_keeps_state(self, load):
        model = load(self.COUNTING, config="sequenceBatching: {enable: true}")
        outcomes = model.predict_batch([1, 0, 2])
        assert [outcome.status for outcome in outcomes] == [503] * 3
        assert [outcome.index for outcome in outcomes] == [0, 1, 2]
        assert model.predict("sizes") == [3, 1]

    def test_may_name_the_culprit_itself(self, load):
        model = load(
            """
            from ts_sdk import RequestError
            sizes = []
            def handle(data, context):
                if data is None:
                    return
                sizes.append(len(data))
                for index, row in enumerate(data):
                    if row["body"] == "bad":
                        raise RequestError("no picture", status=415, index=index)
                return [len(sizes)] * len(data)
            """
        )
        outcomes = model.predict_batch([1, "bad", 2, "bad"])
        assert told(outcomes) == [3, (415, "no picture"), 3, (415, "no picture")]
        assert [outcomes[index].index for index in (1, 3)] == [1, 3]

    def test_may_name_many_culprits_one_after_the_other(self, load):
        model = load(
            "from ts_sdk import RequestError\n"
            "def handle(data, context):\n    if data: raise RequestError('bad', index=0)"
        )
        outcomes = model.predict_batch(range(1010))
        assert [outcome.index for outcome in outcomes] == list(range(1010))

    @pytest.mark.parametrize("index", [None, 7, -1])
    def test_a_request_error_without_a_good_index_is_found_by_halves(self, load, index):
        model = load(
            f"""
            from ts_sdk import RequestError
            def handle(data, context):
                if data and any(row["body"] == "bad" for row in data):
                    raise RequestError("no picture", status=415, index={index})
                return data and ["fine"] * len(data)
            """
        )
        assert told(model.predict_batch([1, "bad", 2])) == ["fine", (415, "no picture"), "fine"]

    def test_an_error_of_the_users_own_kind_stays_of_its_kind(self, load):
        model = load(
            """
            from ts_sdk import RequestError
            class TooLarge(RequestError):
                def __init__(self, size, limit):
                    super().__init__(f"{size} is more than {limit}", status=413)
                    self.size = size
            def handle(data, context):
                if data:
                    raise TooLarge(10, 5)
            """
        )
        failure = model.predict_batch([1])[0]
        assert (type(failure).__name__, failure.size, failure.status) == ("TooLarge", 10, 413)
        assert str(failure) == "request 0 failed with status 413: 10 is more than 5"

    @pytest.mark.parametrize("error", ["MemoryError()", "torch.OutOfMemoryError('no more')"])
    def test_out_of_memory_is_status_507_and_halves_may_fit(self, load, error):
        model = load(
            f"""
            import torch
            def handle(data, context):
                if data and (len(data) > 2 or data[0]["body"] == "huge"):
                    raise {error}
                return data and ["fine"] * len(data)
            """
        )
        assert model.predict_batch([1, 2, 3, 4]) == ["fine"] * 4
        assert model.predict_batch(["huge"])[0].status == 507

    def test_a_failed_attempt_is_let_go_of_before_the_next(self, load):
        """Else its tensors would still be there when the halves are tried for lack of memory."""
        model = load(
            """
            import weakref
            class Tensor: pass
            alive = weakref.WeakSet()
            def handle(data, context):
                if data:
                    before = len(alive)
                    tensor = Tensor()
                    alive.add(tensor)
                    if len(data) > 1:
                        raise MemoryError
                    return [before]
            """
        )
        assert model.predict_batch([1, 2, 3, 4]) == [0] * 4

    def test_system_exit_fails_the_request_and_not_the_program(self, load):
        failure = load("import sys\ndef handle(data, context): data and sys.exit(3)").predict_batch(
            [1]
        )[0]
        assert failure.message.startswith("the handler failed: SystemExit: 3 (handler.py:2")

    def test_the_keyboard_interrupt_passes_through(self, load):
        model = load("def handle(data, context):\n    if data: raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            model.predict_batch([1, 2])
        model.close()  # nothing is left locked

    def test_good_requests_are_answered_without_those_that_failed(self, load):
        """Also where a handler mixes the rows of a batch: nothing of the failed run is left."""
        model = load(
            """
            def handle(data, context):
                return data and [sum(row["body"] for row in data) for _ in data]
            """
        )
        outcomes = model.predict_batch([1, "x", 2, 3])
        assert outcomes[0] == 1
        assert outcomes[1].status == 503
        assert outcomes[2:] == [5, 5]  # a half that did not fail was answered together


class TestAHandlerThatBreaksTheContract:
    @pytest.mark.parametrize(
        ("returned", "why"),
        [
            ("None", "returned None, not a list"),
            ("'ab'", "returned a str, not a list"),
            ("{'a': 1}", "returned a dict, not a list"),
            ("(1, 2)", "returned a tuple, not a list"),
            ("torch.ones(2)", r"returned a Tensor, not a list.*tolist\(\)"),
            ("(x for x in data)", "returned a generator, not a list"),
            ("[1]", "returned 1 answers for 2 requests"),
            ("[1, 2, 3]", "returned 3 answers for 2 requests"),
        ],
    )
    def test_is_told_how_and_is_not_run_again(self, load, returned, why):
        model = load(
            f"""
            import torch
            sizes = []
            def handle(data, context):
                if data and data[0]["body"] == "sizes":
                    return [sizes]
                if data:
                    sizes.append(len(data))
                    return {returned}
            """
        )
        outcomes = model.predict_batch([1, 2])
        assert [type(outcome) for outcome in outcomes] == [HandlerContractError] * 2
        assert [outcome.index for outcome in outcomes] == [0, 1]
        assert [outcome.status for outcome in outcomes] == [503] * 2
        with pytest.raises(HandlerContractError, match=why):
            raise outcomes[1]
        assert model.predict("sizes") == [2]

    def test_in_postprocess_beside_a_rejection(self, load):
        text = REJECTING.replace("return data.tolist()", "return data")
        outcomes = load(text).predict_batch([1, "x"])
        assert "postprocess() returned a Tensor, not a list" in outcomes[0].message


class TestBadInputs:
    def test_fail_alone_and_the_others_keep_their_places(self, load, tmp_path):
        (tmp_path / "broken.json").write_text("{")
        (tmp_path / "fine.json").write_text("4")
        given = [tmp_path / "none.json", 0, tmp_path / "broken.json", tmp_path / "fine.json", "x"]
        outcomes = load(
            "def handle(data, context):\n    return data and [1 / row['body'] for row in data]"
        ).predict_batch(given)
        assert [getattr(outcome, "status", outcome) for outcome in outcomes] == [
            400,
            503,
            400,
            0.25,
            503,
        ]
        assert [outcomes[index].index for index in (0, 1, 2, 4)] == [0, 1, 2, 4]

    def test_never_reach_the_handler(self, load, tmp_path):
        model = load("def handle(data, context): assert data is None")
        with pytest.raises(RequestError, match="request 0 failed with status 400"):
            model.predict(tmp_path / "none.json")


class TestThreads:
    def test_batches_in_many_threads_never_mix(self, load):
        model = load(
            """
            import time, torch
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                concurrent = True
                def initialize(self, context): self.model = torch.nn.Identity()
                def preprocess(self, data):
                    for index, row in enumerate(data):
                        if row["body"] % 3 == 0:
                            self.reject(index, f"{row['body']} is a multiple of three")
                    time.sleep(0.001)
                    return [row["body"] for row in data if row["body"] % 3]
                def inference(self, data):
                    time.sleep(0.001)
                    return [(x, self.context.get_request_header(0, "who")) for x in data]
                def postprocess(self, data): return data
            """
        )

        def ask(number):
            requests = [Request({"body": number + one}, {"who": str(number)}) for one in range(4)]
            for one, outcome in enumerate(model.predict_batch(requests)):
                body = number + one
                if body % 3:
                    assert outcome == (body, str(number))
                else:
                    assert outcome.message == f"{body} is a multiple of three"
            return True

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(200)))

    @pytest.mark.parametrize(
        ("says", "subclass", "at_once"),
        [
            ("", "", False),
            ("concurrent = True", "", True),
            ("concurrent = True", "class Mine(Base): pass", False),
        ],
    )
    def test_take_turns_unless_the_class_itself_says_otherwise(self, load, says, subclass, at_once):
        """A subclass of a class that may run concurrently may keep state all the same."""
        model = load(
            f"""
            import threading
            class Base:
                barrier = threading.Barrier(2)
                {says}
                def initialize(self, context): pass
                def handle(self, data, context):
                    try:
                        self.barrier.wait(0.5)
                        return [True]
                    except threading.BrokenBarrierError:
                        return [False]
            {subclass}
            """
        )
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(model.predict, [1, 2])) == [at_once] * 2

    def test_a_handler_may_ask_its_own_model(self, load):
        model = load(
            """
            def handle(data, context):
                return data and [
                    row["body"](row["body"]) if callable(row["body"]) else "leaf" for row in data
                ]
            """
        )
        assert model.predict(lambda _: model.predict("x")) == "leaf"


class TestClosing:
    def test_a_closed_model_says_so(self, load):
        model = load(TRIPLING)
        model.close()
        model.close()
        with pytest.raises(ModelClosedError, match="sources is closed: load it again"):
            model.predict(1)
        with pytest.raises(ModelClosedError):
            model.predict_batch([1, 2])
        assert repr(model) == "<Model 'sources' 1.0, closed>"

    def test_leaving_the_context_manager_closes(self, load):
        with load(TRIPLING) as model:
            assert model.predict(1) == 3
        with pytest.raises(ModelClosedError):
            model.predict(1)

    def test_a_thread_that_waits_for_its_turn_learns_that_the_model_was_closed(self, load):
        model = load(
            """
            import threading
            def handle(data, context):
                if data:
                    entered, leave = data[0]["body"]
                    entered.set()
                    leave.wait(10)
                    return ["done"]
            """
        )
        entered, leave = threading.Event(), threading.Event()
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(model.predict, (entered, leave))
            entered.wait(10)
            closing = pool.submit(model.close)
            second = pool.submit(model.predict, (entered, leave))
            leave.set()
            assert first.result() == "done"
            closing.result()
            with suppress(ModelClosedError):
                assert second.result() == "done"  # it had its turn before

    def test_another_models_end_is_not_taken_for_ones_own(self, load):
        inner = load(TRIPLING, name="inner")
        outer = load(
            "def handle(data, context): return data and [data[0]['body'](1)]", name="outer"
        )
        inner.close()
        failure = outer.predict_batch([inner.predict])[0]
        assert "inner is closed" in failure.message


class TestFacts:
    def test_are_those_of_the_archive(self, load, tmp_path):
        model = load(TRIPLING, config="batchSize: 4")
        assert (model.name, model.version, model.batch_size) == ("sources", "1.0", 4)
        assert model.path == tmp_path / "sources"
        assert model.device == torch.device("cpu")
        assert model.precision == "float32"
        assert model.handler is None
        assert repr(model) == "<Model 'sources' 1.0, cpu, float32>"

    def test_the_phases_are_timed(self, load):
        model = load(REJECTING)
        assert list(model.timings) == ["open", "import handler", "initialize"]
        model.predict_batch([1, 2])
        assert list(model.timings)[3:] == ["preprocess", "inference", "postprocess", "handle"]
        assert model.timings["handle"].count == 1
        assert model.timings["handle"].last_ms >= model.timings["inference"].last_ms

    def test_the_working_directory_is_the_programs_when_it_predicts(self, load):
        model = load("import os\ndef handle(data, context): return data and [os.getcwd()]")
        assert model.predict(1) == str(Path.cwd())


class TestPrecision:
    LINEAR = """
        import torch
        from ts_sdk import BaseHandler
        class Mine(BaseHandler):
            def initialize(self, context):
                self.device = torch.device("cpu")
                self.model = torch.nn.Linear(1, 1)
                torch.nn.init.constant_(self.model.weight, 300.0)
                torch.nn.init.constant_(self.model.bias, 0.0)
    """

    def test_of_a_handler_that_overrides_initialize(self, load):
        model = load(self.LINEAR, precision="float16")
        assert model.handler.model.weight.dtype is torch.float16
        assert model.predict([2.0]) == [600.0]
        assert model.precision == "float16"

    def test_out_of_range_fails_the_one_request_and_says_what_to_do(self, load):
        outcomes = load(self.LINEAR, precision="float16").predict_batch([[2.0], [300.0], [3.0]])
        assert outcomes[0::2] == [[600.0], [900.0]]
        assert type(outcomes[1]) is NonFiniteOutputError
        assert "precision='bfloat16'" in outcomes[1].message
        assert outcomes[1].index == 1

    def test_as_the_config_asks_or_the_caller(self, load_folder):
        files = {"handler.py": self.LINEAR}
        assert load_folder(files, config="precision: bfloat16", name="a").precision == "bfloat16"
        model = load_folder(files, config="precision: bfloat16", name="b", precision="float32")
        assert model.handler.model.weight.dtype is torch.float32

    def test_of_a_handler_without_a_module_is_an_error(self, load):
        with pytest.raises(ts_sdk.PrecisionError, match=r"keeps no torch module in self\.model"):
            load(TRIPLING, precision="float16")

    def test_words_that_there_are_not(self, load):
        with pytest.raises(ts_sdk.PrecisionError, match="use one of float32"):
            load(TRIPLING, precision="fp16")


def test_one_path_is_no_batch(load, tmp_path):
    with pytest.raises(TypeError, match=r"takes a list of requests, not one .*Path"):
        load(TRIPLING).predict_batch(tmp_path)


def test_a_path_that_was_sent_as_text_is_noted_beside_the_error(load, tmp_path):
    """Not in its message, from which a sender elsewhere could learn what files there are."""
    path = tmp_path / "cat.jpg"
    path.touch()
    broken = load("def handle(data, context): return data and data[0][0]")
    with pytest.raises(RequestError) as caught:
        broken.predict(str(path))
    assert "pathlib.Path" not in caught.value.message
    assert f"give pathlib.Path({str(path)!r})" in caught.value.__notes__[0]
    with pytest.raises(RequestError) as caught:
        broken.predict("a text")
    assert not hasattr(caught.value, "__notes__")
