"""What an archive's code does to os.environ stays its own."""

import os
import subprocess
import sys
import threading

import pytest

from ts_sdk import environment

WRITES = """
import os

def handle(data, context):
    if data is None:
        os.environ["TS_SDK_TEST_MODE"] = "NAME"
        os.environ.pop("TS_SDK_TEST_GONE", None)
        return None
    for row in data:
        if row["body"] == "write":
            os.environ["TS_SDK_TEST_LATE"] = "NAME"
    return [
        [os.environ.get("TS_SDK_TEST_" + key) for key in ("MODE", "GONE", "LATE")]
        for row in data
    ]
"""
VARIABLES = ("TS_SDK_TEST_MODE", "TS_SDK_TEST_GONE", "TS_SDK_TEST_LATE")


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    monkeypatch.delenv("TS_SDK_TEST_MODE", raising=False)
    monkeypatch.delenv("TS_SDK_TEST_LATE", raising=False)
    monkeypatch.setenv("TS_SDK_TEST_GONE", "here")


@pytest.fixture
def load(load_folder):
    return lambda name: load_folder({"handler.py": WRITES.replace("NAME", name)}, name=name)


def test_the_program_sees_nothing_of_what_handlers_set_and_each_handler_its_own(load):
    first, second = load("first"), load("second")
    first.predict("write")
    assert first.predict("read") == ["first", None, "first"]
    assert second.predict("read") == ["second", None, None]
    assert [os.environ.get(name) for name in VARIABLES] == [None, "here", None]
    assert "TS_SDK_TEST_MODE" not in os.environ
    assert "TS_SDK_TEST_MODE" not in dict(os.environ)
    assert "TS_SDK_TEST_MODE" not in os.environ.copy()


def test_a_process_that_the_program_starts_sees_nothing_of_it_either(load):
    load("first")
    code = f"import os; print([os.environ.get(name) for name in {VARIABLES!r}])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[None, 'here', None]"


def test_what_the_program_sets_later_reaches_the_handlers(load):
    model = load("first")
    os.environ["TS_SDK_TEST_LATE"] = "from the program"
    assert model.predict("read") == ["first", None, "from the program"]


def test_a_thread_of_the_handler_sees_the_handlers_environment(load_folder):
    model = load_folder(
        {
            "handler.py": """
            import os
            from concurrent.futures import ThreadPoolExecutor

            def read(name):
                return os.environ.get(name)

            def handle(data, context):
                if data is None:
                    os.environ["TS_SDK_TEST_MODE"] = "mine"
                    return None
                with ThreadPoolExecutor(1) as pool:
                    return [pool.submit(read, "TS_SDK_TEST_MODE").result()]
            """
        }
    )
    assert model.predict("x") == "mine"


def test_while_it_starts_libraries_see_what_it_sets(load_folder):
    model = load_folder(
        {
            "handler.py": """
            import ctypes
            import os

            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p

            def handle(data, context):
                if data is None:
                    os.environ["TS_SDK_TEST_MODE"] = "mine"
                    context.seen = getenv(b"TS_SDK_TEST_MODE").decode()
                    return None
                return [[context.seen, getenv(b"TS_SDK_TEST_MODE")]]
            """
        }
    )
    assert model.predict("x") == ["mine", None]


def test_it_behaves_as_a_mapping_for_the_handler(load_folder):
    model = load_folder(
        {
            "handler.py": """
            import os

            def handle(data, context):
                if data is None:
                    os.environ["TS_SDK_TEST_MODE"] = "mine"
                    del os.environ["TS_SDK_TEST_GONE"]
                    return None
                names = list(os.environ)
                own = ("TS_SDK_TEST_MODE", "TS_SDK_TEST_GONE")
                missing = []
                try:
                    del os.environ["TS_SDK_TEST_GONE"]
                except KeyError as error:
                    missing.append(error.args[0])
                try:
                    os.environ["TS_SDK_TEST_MODE"] = 1
                except TypeError:
                    missing.append("only text")
                return [
                    {
                        "named": [name in names for name in own],
                        "in": [name in os.environ for name in own],
                        "counted": len(os.environ) == len(names) == len(set(names)),
                        "set": os.environ.setdefault("TS_SDK_TEST_LATE", "late"),
                        "missing": missing,
                    }
                ]
            """
        }
    )
    assert model.predict("x") == {
        "named": [True, False],
        "in": [True, False],
        "counted": True,
        "set": "late",
        "missing": ["TS_SDK_TEST_GONE", "only text"],
    }


def test_when_the_last_archive_is_closed_it_is_as_it_was(load):
    users = environment._users
    model = load("first")
    assert environment._users == users + 1
    model.close()
    model.close()
    assert environment._users == users
    if not users:
        assert type(os.environ) is environment._original


def test_threads_of_two_archives_read_their_own(load):
    models = {name: load(name) for name in ("first", "second")}
    wrong = []

    def ask(name):
        wrong.extend(
            answer
            for answer in (models[name].predict("read") for _ in range(200))
            if answer[0] != name
        )

    threads = [threading.Thread(target=ask, args=(name,)) for name in models for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_a_library_sets_for_itself_stays_the_process_s(load_folder):
    """TorchInductor hands the address of a function to its C code in this way."""
    model = load_folder(
        {
            "handler.py": """
            import ctypes
            from unittest import mock

            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p

            def handle(data, context):
                if data is None:
                    return None
                import os
                with mock.patch.dict(os.environ, {"TS_SDK_TEST_LATE": "of a library"}):
                    return [getenv(b"TS_SDK_TEST_LATE").decode()]
            """
        }
    )
    assert model.predict("x") == "of a library"


@pytest.mark.parametrize("write", ["update(TS_SDK_TEST_LATE='mine')", "setdefault(NAME, 'mine')"])
def test_however_the_handler_writes_it_is_its_own(load_folder, write):
    model = load_folder(
        {
            "handler.py": f"""
            import os

            NAME = "TS_SDK_TEST_LATE"

            def handle(data, context):
                if data is not None:
                    os.environ.{write}
                    return [os.environ.get(NAME)]
            """
        }
    )
    assert model.predict("x") == "mine"
    assert "TS_SDK_TEST_LATE" not in os.environ
