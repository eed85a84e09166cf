"""Many archives in one process: nothing of one shows in another, and nothing is left behind."""

import gc
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

import archiver
import ts_sdk

HANDLER = """
import importlib
import os
import pickle

import utils
from model import Net
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        os.environ["TS_SDK_TEST_NUMBER"] = str(utils.NUMBER)
        with open("number.txt") as file:
            self.number = int(file.read())
        self.net = pickle.dumps(Net())
        self.initialized = True

    def preprocess(self, data):
        import late

        return [(row["body"], late.NUMBER) for row in data]

    def inference(self, data):
        return data

    def postprocess(self, data):
        self.context.metrics.add_counter("Seen", len(data))
        return [
            [
                body,
                late,
                utils.NUMBER,
                self.number,
                pickle.loads(self.net).number,
                importlib.import_module("late").NUMBER,
                int(os.environ["TS_SDK_TEST_NUMBER"]),
            ]
            for body, late in data
        ]
"""
FILES = {
    "utils.py": "NUMBER = {number}\n",
    "late.py": "NUMBER = {number}\n",
    "model.py": "class Net:\n    number = {number}\n",
    "number.txt": "{number}",
}
COUNT = 20


def pack(folder: Path, number: int) -> Path:
    """Pack archive *number*; all have the same names for everything."""
    sources = folder / f"sources{number}"
    sources.mkdir()
    (sources / "handler.py").write_text(HANDLER)
    for name, content in FILES.items():
        (sources / name).write_text(content.format(number=number))
    packed = archiver.pack(
        model_name="same",
        version="1.0",
        handler=sources / "handler.py",
        extra_files=[sources / name for name in FILES],
        export_path=sources,
    )
    return packed.path


def right_answer(body: str, number: int) -> list[object]:
    return [body, *[number] * 6]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("archives")
    return [pack(folder, number) for number in range(COUNT)]


@pytest.mark.parametrize("count", [2, COUNT])
def test_each_answers_with_its_own_code_files_and_environment(archives, count):
    modules, path, cwd = set(sys.modules), list(sys.path), Path.cwd()
    with ExitStack() as stack:
        models = [stack.enter_context(ts_sdk.load(one, device="cpu")) for one in archives[:count]]
        for _ in range(2):
            for number, model in enumerate(models):
                assert model.predict("x") == right_answer("x", number)
        assert [model.metrics["Seen"].value for model in models] == [2] * count
    assert sys.path == path
    assert Path.cwd() == cwd
    assert not {name for name in set(sys.modules) - modules if name in ("utils", "model", "late")}
    assert "TS_SDK_TEST_NUMBER" not in os.environ


def test_threads_that_load_predict_and_close_at_once_get_their_own(archives):
    start = threading.Barrier(8)
    wrong: list[object] = []

    def work(thread: int) -> None:
        start.wait()
        for step in range(6):
            number = (thread * 5 + step) % COUNT
            with ts_sdk.load(archives[number], device="cpu") as model:
                for _ in range(5):
                    answers = model.predict_batch(["a", "b"])
                    if answers != [right_answer("a", number), right_answer("b", number)]:
                        wrong.append((number, answers))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, thread) for thread in range(8)]:
            done.result()
    assert wrong == []


def test_one_model_answers_many_threads_each_its_own(archives):
    with ts_sdk.load(archives[7], device="cpu") as model, ThreadPoolExecutor(8) as pool:
        bodies = [str(number) for number in range(200)]
        assert list(pool.map(model.predict, bodies)) == [right_answer(body, 7) for body in bodies]


def traces(process: psutil.Process) -> dict[str, int]:
    """What loading could leave behind."""
    gc.collect()
    return {
        "modules": len(sys.modules),
        "threads": process.num_threads(),
        "files": process.num_fds(),
        "temporary": len(os.listdir(tempfile.gettempdir())),  # noqa: PTH208 - names are counted
        "finders": len(sys.meta_path),
        "objects": sum(type(each).__name__ == "ArchiveCode" for each in gc.get_objects()),
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_loads_leave_nothing_behind(archives, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = psutil.Process()

    def cycles(count: int) -> None:
        for number in range(count):
            with ts_sdk.load(archives[number % COUNT], device="cpu") as model:
                assert model.predict("x") == right_answer("x", number % COUNT)

    cycles(100)
    before, used_before = traces(process), process.memory_info().rss
    cycles(1000)
    assert traces(process) == before
    # The allocator keeps what it may use again; a leak of one small archive a load would show.
    assert process.memory_info().rss - used_before < 10 << 20
