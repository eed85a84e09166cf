"""Handlers that are coroutines."""

import asyncio
import threading
from textwrap import dedent

import pytest

from ts_sdk import RequestError

ASYNC = """
import asyncio
from ts_sdk import BaseHandler

class Async(BaseHandler):
    async def initialize(self, context):
        await asyncio.sleep(0)
        self.loop = asyncio.get_running_loop()

    async def handle(self, data, context):
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is self.loop
        for index, row in enumerate(data):
            if row["body"] == "bad":
                self.reject(index, "it is bad")
            elif row["body"] == "worse":
                raise ValueError("it is worse")
        self.context.set_response_content_type(0, "text/plain")
        return [row["body"] for row in data if row["body"] != "bad"]
"""


@pytest.fixture
def load(load_folder):
    return lambda source, **options: load_folder({"handler.py": source}, **options)


def test_an_asynchronous_handler_answers_in_the_loop_that_it_was_initialised_in(load):
    model = load(ASYNC)
    assert model.predict("a") == "a"
    assert model.respond("a").content_type == "text/plain"


def test_it_rejects_and_fails_like_any_other(load):
    outcomes = load(ASYNC).predict_batch(["a", "bad", "worse", "b"])
    assert [outcomes[0], outcomes[3]] == ["a", "b"]
    assert "it is bad" in str(outcomes[1])
    assert isinstance(outcomes[2], RequestError)
    assert "ValueError: it is worse (handler.py:17 in handle" in str(outcomes[2])


def test_it_works_where_the_caller_runs_a_loop_itself(load):
    model = load(ASYNC)

    async def ask():
        return model.predict("a")

    assert asyncio.run(ask()) == "a"


def test_it_imports_modules_of_its_archive_late(load_folder):
    source = """
        async def handle(data, context):
            if data:
                import helper
                return [helper.NAME] * len(data)
    """
    model = load_folder({"handler.py": source, "helper.py": "NAME = 'mine'\n"})
    assert model.predict("x") == "mine"


def test_asynchronous_communication_handles_batches_at_the_same_time(load):
    model = load(
        """
        import asyncio

        async def handle(data, context):
            if data is None:
                context.arrived, context.both = [], asyncio.Event()
                return None
            context.arrived.append(1)
            if len(context.arrived) == 2:
                context.both.set()
            await asyncio.wait_for(context.both.wait(), 30)
            return [len(context.arrived)]
        """,
        config="asyncCommunication: true\n",
    )
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(model.predict("x"))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [2, 2]


def test_closing_the_model_ends_its_loop_and_what_runs_in_it(load):
    model = load(
        """
        import asyncio
        import pathlib

        async def linger():
            try:
                await asyncio.sleep(3600)
            finally:
                pathlib.Path(FOLDER, "ended").touch()

        async def handle(data, context):
            global FOLDER
            if data is None:
                FOLDER = context.system_properties["model_dir"]
                context.task = asyncio.ensure_future(linger())
                return None
            return data
        """
    )
    model.predict("x")
    folder = model.path
    threads = threading.active_count()
    model.close()
    assert threading.active_count() == threads - 1
    assert (folder / "ended").exists()


def test_a_handler_that_is_not_asynchronous_starts_no_thread(load):
    before = threading.active_count()
    model = load(dedent("def handle(data, context):\n    return data\n"))
    model.predict("x")
    assert threading.active_count() == before
