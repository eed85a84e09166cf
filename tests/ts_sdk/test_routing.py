"""Names in `sys.modules` while an archive's code runs: the program's stay the program's."""

import importlib
import inspect
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ts_sdk.routers import Router
from ts_sdk.running import running_code


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Files that the program finds on its `sys.path`; what it imports of them is forgotten."""
    folder = tmp_path / "program"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)

    def write(**files):
        for name, text in files.items():
            path = folder / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()

    yield write
    for name in sys.modules.keys() - before:
        del sys.modules[name]


def elsewhere(function):
    """What *function* returns in a thread of the program."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


WHOSE = "class Thing:\n    pass\nWHO = '{}'\n"


class TestAModuleThatTheProgramHas:
    def test_is_the_same_before_and_after_and_as_good_meanwhile(self, program, code_of):
        program(shared_name=WHOSE.format("program"))
        import shared_name

        code = code_of(
            {
                "handler.py": """
                    import importlib, pickle, sys, shared_name
                    def answer():
                        named = importlib.import_module("shared_name")
                        thing = pickle.loads(pickle.dumps(shared_name.Thing()))
                        return shared_name.WHO, named.WHO, type(thing) is shared_name.Thing
                """,
                "shared_name.py": WHOSE.format("archive"),
            }
        )

        def program_at_work():
            import shared_name as again
            from shared_name import WHO

            thing = pickle.loads(pickle.dumps(shared_name.Thing()))  # noqa: S301 - our own bytes
            return again.WHO, WHO, type(thing) is shared_name.Thing, again.__dict__["WHO"]

        with code.running():
            handler = code.import_file("handler.py")
            assert handler.answer() == ("archive", "archive", True)
            assert elsewhere(program_at_work) == ("program", "program", True, "program")
        assert sys.modules["shared_name"] is shared_name
        assert elsewhere(program_at_work) == ("program", "program", True, "program")

    def test_also_below_a_package(self, program, code_of):
        program(
            shared_package__in____init__="WHO = 'program'",
            shared_package__in__sub="WHO = 'program'",
        )
        import shared_package.sub

        code = code_of(
            {
                "handler.py": """
                    import importlib
                    def answer(): return importlib.import_module("shared_package.sub").WHO
                """,
                "shared_package/__init__.py": "",
                "shared_package/sub.py": "WHO = 'archive'",
            }
        )
        with code.running():
            assert code.import_file("handler.py").answer() == "archive"
        assert sys.modules["shared_package.sub"] is shared_package.sub
        assert shared_package.sub.WHO == "program"

    def test_survives_an_archive_that_removes_modules_by_name(self, program, code_of):
        """Handlers do so to be rid of the modules of the archive that ran before them."""
        program(shared_name=WHOSE.format("program"))
        import shared_name

        code = code_of(
            {
                "handler.py": """
                    import sys
                    sys.modules.pop("shared_name", None)
                    import shared_name
                    def answer(): return shared_name.WHO
                """,
                "shared_name.py": WHOSE.format("archive"),
            }
        )
        with code.starting():
            assert code.import_file("handler.py").answer() == "archive"
        assert sys.modules["shared_name"] is shared_name

    def test_is_not_changed_by_an_archive_that_changes_its_own(self, program, code_of):
        program(shared_name=WHOSE.format("program"))
        import shared_name

        code = code_of(
            {
                "handler.py": """
                    import sys, shared_name
                    def answer():
                        sys.modules["shared_name"].WHO = "changed"
                        sys.modules["shared_name"].NEW = 1
                        del sys.modules["shared_name"].Thing
                        return shared_name.WHO, shared_name.NEW, hasattr(shared_name, "Thing")
                """,
                "shared_name.py": WHOSE.format("archive"),
            }
        )
        with code.running():
            assert code.import_file("handler.py").answer() == ("changed", 1, False)
        assert shared_name.WHO == "program"
        assert shared_name.Thing
        assert not hasattr(shared_name, "NEW")

    def test_a_scan_of_all_modules_executes_none_of_the_archive(self, program, code_of):
        program(shared_name=WHOSE.format("program"))
        import shared_name

        code = code_of(
            {
                "handler.py": "import inspect\ndef answer(): return inspect.getmodule(answer)",
                "shared_name.py": "raise ImportError('a scan must not execute me')",
            }
        )
        with code.running():
            handler = code.import_file("handler.py")
            assert type(sys.modules["shared_name"]) is Router
            assert handler.answer().__dict__ is vars(handler)
            assert inspect.getmodule(shared_name.Thing).__dict__ is vars(shared_name)
            assert "Thing" in dir(sys.modules["shared_name"])
            assert repr(sys.modules["shared_name"]) == repr(shared_name)


class TestAModuleThatTheProgramImportsMeanwhile:
    def test_is_the_programs(self, program, code_of):
        """A server may import something late while a model answers in another thread."""
        code = code_of(
            {
                "handler.py": "import late_name\ndef answer(): return late_name.WHO",
                "late_name.py": WHOSE.format("archive"),
            }
        )
        program(
            late_name="from dataclasses import dataclass\n@dataclass\nclass Row:\n    x: 'int'\n"
            + WHOSE.format("program")
        )

        def program_at_work():
            import late_name
            from late_name import WHO

            return late_name.WHO, WHO, late_name.Row(1).x

        with code.running():
            handler = code.import_file("handler.py")
            assert elsewhere(program_at_work) == ("program", "program", 1)
            assert handler.answer() == "archive"
        assert sys.modules["late_name"].WHO == "program"
        assert type(sys.modules["late_name"]) is not Router

    def test_is_an_import_error_when_the_program_has_none(self, program, code_of):
        code = code_of({"handler.py": "import late_name", "late_name.py": WHOSE.format("archive")})

        def program_at_work():
            from late_name import WHO

            return WHO

        with code.running():
            code.import_file("handler.py")
            other = code_of({"late_name.py": ""}, "other")  # so that the name has two owners
            with other.running():
                other.import_file("late_name.py")
                with pytest.raises(ImportError, match="late_name"):
                    elsewhere(program_at_work)

    def test_raises_what_it_raises(self, program, code_of):
        code = code_of({"handler.py": "import late_name", "late_name.py": WHOSE.format("archive")})
        program(late_name="raise ValueError('mine')")

        def program_at_work():
            from late_name import WHO

            return WHO

        with code.running():
            code.import_file("handler.py")
            with pytest.raises(ValueError, match="mine"):
                elsewhere(program_at_work)
        assert "late_name" not in sys.modules

    def test_stays_when_the_program_puts_it_there_itself(self, program, code_of):
        code = code_of({"handler.py": "import late_name", "late_name.py": ""})
        mine = type(sys)("late_name")
        with code.running():
            code.import_file("handler.py")
            sys.modules["late_name"] = mine
        assert sys.modules["late_name"] is mine


def test_names_stand_in_sys_modules_only_while_code_runs(code_of):
    code = code_of({"handler.py": "import own_name", "own_name.py": ""})
    entered, leave = threading.Event(), threading.Event()

    def run():
        with code.running():
            entered.set()
            leave.wait(10)

    with code.running():
        code.import_file("handler.py")
        with code.running():
            assert "own_name" in sys.modules
        assert "own_name" in sys.modules
        thread = threading.Thread(target=run)
        thread.start()
        entered.wait(10)
    assert "own_name" in sys.modules  # the other thread still runs
    leave.set()
    thread.join()
    assert "own_name" not in sys.modules


def test_the_running_code_is_known_in_its_functions_wherever_they_are_called(code_of):
    code = code_of(
        {"handler.py": "def call(function): return function()\nasync def acall(f): return f()"}
    )
    with code.running():
        handler = code.import_file("handler.py")
        assert running_code() is code
    assert running_code() is None
    assert elsewhere(lambda: handler.call(running_code)) is code
    code.close()
    assert handler.call(running_code) is None


def test_a_router_that_was_kept_says_whose_it_is(code_of):
    code = code_of(
        {
            "handler.py": "import importlib\nnear = importlib.import_module('own_name')",
            "own_name.py": "X = 1",
        }
    )
    with code.running():
        near = code.import_file("handler.py").near
        assert near.X == 1
    with pytest.raises(AttributeError, match="'own_name' belongs to an archive"):
        _ = near.X
    assert "own_name" in repr(near)
