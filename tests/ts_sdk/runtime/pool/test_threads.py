"""Workers that are threads: one copy of the weights, phases that overlap, torch's threads."""

import logging
import threading

import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import ts_sdk
from ts_sdk import RequestError

NETWORK = """
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)
            self.norm = nn.BatchNorm1d(2)
            self.shift = torch.zeros(2)

        def forward(self, x):
            return self.norm(self.layer(x)) + self.shift
"""


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.norm = nn.BatchNorm1d(2)


@pytest.fixture(autouse=True)
def cores(monkeypatch):
    """However few there are: with one, no worker has a thread for the next batch."""
    monkeypatch.setattr("ts_sdk.runtime.pool.recruiting.available_cores", lambda: 6)


@pytest.fixture
def weights(saved):
    torch.manual_seed(0)
    return saved(Network().state_dict())


def handlers_of(pool):
    (deployment,) = pool._directory.all()
    return [lane._model.handler for crew in deployment._crews for lane in crew.lanes]


def tensors_of(module):
    return {name: tensor.data_ptr() for name, tensor in module.named_parameters()}


def share(handlers):
    first, *others = [tensors_of(handler.model) for handler in handlers]
    return bool(first) and all(other == first for other in others)


class TestWeights:
    def served(self, serve, weights, handler="base_handler", **options):
        return serve(
            handler,
            **{"workers": 2, **options},
            files={"network.py": NETWORK, "weights.pt": weights},
            serializedFile="weights.pt",
            modelFile="network.py",
        )

    @pytest.mark.parametrize("name", ["base_handler", "image_classifier"])
    def test_are_there_once_for_this_librarys_handlers(self, serve, weights, name):
        pool = self.served(serve, weights, name)
        handlers = handlers_of(pool)
        assert len(handlers) == 4  # two workers, each of which prepares the next batch
        assert len({id(handler.model) for handler in handlers}) == 4
        assert share(handlers)

    def test_are_shared_and_what_a_model_may_write_into_is_not(self, serve, weights):
        models = [handler.model for handler in handlers_of(self.served(serve, weights))]
        assert len({model.norm.running_mean.data_ptr() for model in models}) == 4
        assert len({model.shift.data_ptr() for model in models}) == 4

    def test_are_the_first_ones_of_a_further_worker_too(self, serve, weights):
        pool = self.served(serve, weights, workers=1)
        pool.scale(3)
        assert len(handlers_of(pool)) == 6
        assert share(handlers_of(pool))

    def test_stay_when_the_workers_that_came_later_are_gone(self, serve, weights):
        pool = self.served(serve, weights)
        expected = pool.predict([1.0, 2.0])
        pool.scale(1)
        assert pool.predict([1.0, 2.0]) == expected

    def test_are_shared_by_a_handler_that_changes_its_model(self, serve, weights):
        """It is not given a module that was changed already."""
        pool = self.served(
            serve,
            weights,
            """
            import torch
            from ts_sdk import BaseHandler

            class Softmax(BaseHandler):
                def initialize(self, context):
                    super().initialize(context)
                    self.model = torch.nn.Sequential(self.model, torch.nn.Softmax(1)).eval()
            """,
        )
        handlers = handlers_of(pool)
        assert share(handlers)
        assert [len(handler.model) for handler in handlers] == [2] * 4

    def test_are_shared_by_a_handler_that_loads_by_itself(self, serve, weights):
        pool = self.served(
            serve,
            weights,
            """
            import torch
            from network import Network

            class Own:
                def initialize(self, context):
                    self.model = Network().eval()
                    folder = context.system_properties["model_dir"]
                    self.model.load_state_dict(torch.load(f"{folder}/weights.pt"))

                def handle(self, data, context):
                    rows = torch.tensor([row["body"] for row in data])
                    return self.model(rows).tolist()
            """,
        )
        assert len(handlers_of(pool)) == 2
        assert share(handlers_of(pool))
        assert pool.predict([1.0, 2.0]) == pool.predict([1.0, 2.0])

    def test_that_differ_are_left_as_they_are(self, serve, weights):
        pool = self.served(
            serve,
            weights,
            """
            from network import Network

            class Random:
                def initialize(self, context):
                    self.model = Network().eval()

                def handle(self, data, context):
                    return data
            """,
        )
        one, other = (tensors_of(handler.model) for handler in handlers_of(pool))
        assert one["layer.weight"] != other["layer.weight"]

    def test_in_half_precision_are_there_once(self, serve, weights):
        pool = self.served(serve, weights, precision="bfloat16")
        handlers = handlers_of(pool)
        assert {handler.model.layer.weight.dtype for handler in handlers} == {torch.bfloat16}
        assert share(handlers)
        assert pool.models[0].precision == "bfloat16"

    def test_of_torchscript_are_there_once(self, serve, script, tmp_path):
        script(nn.Linear(2, 2)).save(tmp_path / "model.pt")
        pool = serve(
            "base_handler",
            workers=2,
            files={"model.pt": (tmp_path / "model.pt").read_bytes()},
            serializedFile="model.pt",
        )
        assert share(handlers_of(pool))

    def test_give_the_answers_that_a_model_gives(self, serve, weights, archive):
        pool = self.served(serve, weights, batch_size=4, workers=3)
        rows = torch.randn(200, 2).tolist()
        answers = [each.result() for each in map(pool.submit, rows[:100])]
        with ts_sdk.load(pool._directory.all()[0].loader.path, device="cpu") as model:
            expected = model.predict_batch(rows[:100], on_error="raise")
        torch.testing.assert_close(torch.tensor(answers), torch.tensor(expected))


OVERLAPPING = """
    from ts_sdk import BaseHandler

    class Phases(BaseHandler):
        def initialize(self, context):
            self.initialized = True

        def preprocess(self, data):
            for row in data:
                row["body"].prepare()
            return [row["body"] for row in data]

        def inference(self, wishes):
            return [wish.compute() for wish in wishes]

        def postprocess(self, answers):
            return answers
"""


class Wish:
    """A request whose phases say when they begin, and wait for what the test says."""

    def __init__(self, computing=None):
        self.prepared, self.computing = threading.Event(), threading.Event()
        self.may_end = threading.Event()
        self.busy = [] if computing is None else computing
        self.most_busy = self.threads = None

    def prepare(self):
        self.prepared.set()

    def compute(self):
        self.busy.append(self)
        self.most_busy, self.threads = len(self.busy), torch.get_num_threads()
        self.computing.set()
        assert self.may_end.wait(60)
        self.busy.remove(self)
        return "computed"


class TestPhases:
    def test_the_next_batch_is_prepared_while_the_model_runs_and_waits_for_its_turn(self, serve):
        """As on a GPU: a worker with one thread has none to divide."""
        pool, busy = serve(OVERLAPPING, threads_per_worker=1), []
        one, other = Wish(busy), Wish(busy)
        answers = [pool.submit(one)]
        assert one.computing.wait(60)
        answers.append(pool.submit(other))
        assert other.prepared.wait(60)  # before the first has ended
        assert not other.computing.is_set()
        one.may_end.set()
        assert other.computing.wait(60)
        other.may_end.set()
        assert [answer.result(60) for answer in answers] == ["computed"] * 2
        assert other.most_busy == 1

    def test_the_next_batch_is_computed_at_once_with_half_of_the_threads(self, serve):
        pool, busy = serve(OVERLAPPING, threads_per_worker=4), []
        one, other = Wish(busy), Wish(busy)
        answers = [pool.submit(one)]
        assert one.computing.wait(60)
        answers.append(pool.submit(other))
        assert other.computing.wait(60)  # before the first has ended
        for wish in (one, other):
            wish.may_end.set()
        assert [answer.result(60) for answer in answers] == ["computed"] * 2
        assert (one.threads, other.threads) == (4, 2)
        assert other.most_busy == 2

    @pytest.mark.parametrize(
        ("change", "options"),
        [
            (("def preprocess", "def handle(self, d, c): return d\n\n        def preprocess"), {}),
            (("BaseHandler):", "BaseHandler):\n        concurrent = True"), {"overlap": False}),
            (("", ""), {"config": "sequenceBatching: true"}),
        ],
    )
    def test_do_not_overlap_where_that_is_not_known_to_be_right(self, serve, change, options):
        pool = serve(OVERLAPPING.replace(*change) if change[0] else OVERLAPPING, **options)
        assert len(handlers_of(pool)) == 1

    def test_do_not_overlap_where_the_workers_keep_all_cores_busy(self, serve):
        pool = serve(OVERLAPPING, workers=4)
        assert len(handlers_of(pool)) == 4

    def test_an_error_in_the_next_batch_is_its_own(self, serve):
        pool, wish = serve(OVERLAPPING), Wish()
        answer = pool.submit(wish)
        assert wish.computing.wait(60)
        error = pool.submit(3).exception(60)  # int has no prepare()
        assert isinstance(error, RequestError)
        assert "AttributeError" in error.message
        wish.may_end.set()
        assert answer.result(60) == "computed"


@pytest.fixture
def onnx_bytes():
    """A model that gives what it takes."""
    numbers = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")
    ]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "g", numbers[:1], numbers[1:]
    )
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


class TestOnnx:
    """Its runtime has threads of its own, which two calls at once do not divide."""

    def served(self, serve, onnx_bytes, **options):
        return serve(
            "base_handler",
            files={"model.onnx": onnx_bytes},
            serializedFile="model.onnx",
            **options,
        )

    def test_computes_with_a_workers_threads(self, serve, onnx_bytes):
        pool = self.served(serve, onnx_bytes, workers=2, threads_per_worker=1)
        (session,) = {handler.model.session for handler in handlers_of(pool)}
        assert session.get_session_options().intra_op_num_threads == 1

    def test_a_workers_two_batches_take_turns(self, serve, onnx_bytes):
        pool = self.served(serve, onnx_bytes, threads_per_worker=2)
        (deployment,) = pool._directory.all()
        (crew,) = deployment._crews
        assert (len(crew.lanes), crew.worker.at_once) == (2, 1)


class TestSequences:
    CONFIG = "sequenceBatching: true\nbatchSize: 4\nminWorkers: 3"

    def test_have_one_worker_whatever_the_config_says(self, serve):
        assert serve(config=self.CONFIG).stats().workers == 1

    def test_refuse_to_have_more(self, serve):
        with pytest.raises(ValueError, match="workers=2: the requests of this archive belong to"):
            serve(config=self.CONFIG, workers=2)
        with pytest.raises(ValueError, match="workers=5"):
            serve(config=self.CONFIG).scale(5)

    def test_have_one_request_in_a_batch_at_most(self, serve, hold):
        pool, seen = serve(config=self.CONFIG), []
        held = hold(pool)

        def request(name, number):
            return ts_sdk.Request(
                {"body": lambda: seen.append((name, number))},
                headers={"ts_request_sequence_id": name},
            )

        answers = [pool.submit(request(name, n)) for n in range(3) for name in ("a", "b")]
        held.released.set()
        for answer in answers:
            answer.result(60)
        assert seen == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
        assert pool.stats().batches == 4


COUNTING = """
    import torch

    def handle(data, context):
        return data and [torch.get_num_threads() for _ in data]
"""


def in_new_thread(call):
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


class TestThreadsOfTorch:
    def test_are_as_many_as_asked_for_and_as_before_afterwards(self, serve):
        before = torch.get_num_threads(), in_new_thread(torch.get_num_threads)
        pool = serve(COUNTING, threads_per_worker=3)
        assert pool.predict("x") == 3
        assert torch.get_num_threads() == before[0]
        other = serve(COUNTING, name="other", threads_per_worker=5)
        assert (pool.predict("x"), other.predict("x")) == (3, 5)
        pool.close()
        assert other.predict("x") == 5
        other.close()
        assert (torch.get_num_threads(), in_new_thread(torch.get_num_threads)) == before

    def test_are_the_cores_divided_among_the_workers(self, serve, monkeypatch):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr("ts_sdk.runtime.pool.recruiting.available_cores", lambda: 8)
        pool = serve(COUNTING, workers=2)
        assert pool.predict("x") == 4
        pool.scale(3)
        assert pool.predict("x") == 2

    def test_that_are_more_than_the_cores_are_warned_of(self, serve, monkeypatch, caplog):
        monkeypatch.setattr("ts_sdk.runtime.pool.recruiting.available_cores", lambda: 4)
        with caplog.at_level(logging.WARNING):
            serve(COUNTING, workers=2, threads_per_worker=3)
        assert "2 workers with 3 threads each are more than the 4 cores there are" in caplog.text


def test_a_handler_without_torch_needs_none(run_program, archive):
    folder = archive("def handle(data, context):\n    return data and [1 for _ in data]")
    program = run_program(
        """
        import sys, ts_sdk
        with ts_sdk.serve_locally(sys.argv[1], device="cpu", workers=2) as pool:
            print(pool.predict("x"), "torch" in sys.modules)
        """,
        folder,
    )
    out, err = program.communicate(timeout=60)
    assert (out, err) == ("1 False\n", "")


def test_a_program_that_forgets_to_close_ends_without_noise(run_program, archive):
    folder = archive("def handle(data, context):\n    return data and [1 for _ in data]")
    program = run_program(
        """
        import sys, ts_sdk
        pool = ts_sdk.serve_locally(sys.argv[1], device="cpu", workers=2)
        print(pool.predict("x"))
        """,
        folder,
    )
    out, err = program.communicate(timeout=60)
    assert (out, err, program.returncode) == ("1\n", "", 0)
