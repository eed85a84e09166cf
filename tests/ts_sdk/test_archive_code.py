"""The modules of an archive: its own, whatever the program and other archives hold."""

import importlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from ts_sdk.routers import RoutedLoader

NAMES = {"handler", "model", "utils", "models", "models.net"}


def is_for_archives(finder):
    return getattr(finder, "answers_archives", False)


def answers(code, function="answer", member="handler.py"):
    """What *function* of the archive's handler returns, called as the loader calls it."""
    with code.running():
        return getattr(code.import_file(member), function)()


@pytest.fixture
def restless():
    """Threads that take turns far more often than they usually do, so that races show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def clashing(code_of):
    """Two archives whose files have the same names and say who they are."""

    def files(who):
        return {
            "handler.py": """
                from __future__ import annotations
                import dataclasses, importlib, inspect, pickle, typing
                import utils
                from model import Net
                from utils import *

                @dataclasses.dataclass
                class Answer:
                    text: str
                    limit: typing.ClassVar[int] = 3
                    net: Net = None

                def top_level(): return utils.WHO, WHO, Net.who
                def lazy():
                    import late
                    from models.net import Layer
                    import models.net as net
                    return late.WHO, Layer.who, net.WHO
                def by_name():
                    module = importlib.import_module("by_name")
                    return module.WHO, importlib.import_module("models.net").Layer.who
                def relative(): return importlib.import_module(".net", "models").relative()
                def pickled():
                    copy = pickle.loads(pickle.dumps(Net(3)))
                    return type(copy) is Net, copy.width, copy.who
                def pickled_late():
                    from never_imported import Thing
                    blob = pickle.dumps(Thing())
                    return pickle.loads(blob).who
                def fields(): return [field.name for field in dataclasses.fields(Answer)]
                def hints(): return typing.get_type_hints(Answer)["net"].who
                def source(): return inspect.getsource(Net).splitlines()[1].strip()
            """,
            "model.py": f"class Net:\n    who = '{who}'\n    def __init__(self, x): self.width = x",
            "utils.py": f"WHO = '{who}'\n_hidden = 1\n",
            "late.py": f"WHO = '{who}'\n",
            "by_name.py": f"WHO = '{who}'\n",
            "never_imported.py": f"class Thing:\n    who = '{who}'\n",
            "models/__init__.py": "from .names import NAME\n",
            "models/names.py": f"NAME = '{who}'\n",
            "models/net.py": f"""
                from . import names
                from .names import NAME
                from .sub.deep import up
                WHO = "{who}"
                class Layer: who = NAME
                def relative(): return names.NAME, up()
            """,
            "models/sub/__init__.py": "",
            "models/sub/deep.py": "from .. import names\ndef up(): return names.NAME\n",
        }

    return code_of(files("a"), "a"), code_of(files("b"), "b")


EXPECTED = {
    "top_level": lambda who: (who, who, who),
    "lazy": lambda who: (who, who, who),
    "by_name": lambda who: (who, who),
    "relative": lambda who: (who, who),
    "pickled": lambda who: (True, 3, who),
    "pickled_late": lambda who: who,
    "fields": lambda who: ["text", "net"],
    "hints": lambda who: who,
    "source": lambda who: f"who = '{who}'",
}


@pytest.mark.parametrize("function", EXPECTED)
def test_each_archive_finds_its_own_modules(clashing, function):
    for code in (*clashing, *clashing):
        assert answers(code, function) == EXPECTED[function](code.folder.name)


def test_archives_that_run_at_once_in_many_threads_never_mix(clashing, restless):
    """Each call opens and leaves the archive, so the routes come and go all the time."""

    def ask(number):
        code = clashing[number % 2]
        function = sorted(EXPECTED)[number % len(EXPECTED)]
        return answers(code, function) == EXPECTED[function](code.folder.name)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))
    assert not NAMES & sys.modules.keys()


def test_one_archive_inside_of_another_keeps_its_modules(clashing):
    """A handler may load and ask a second archive."""
    outer, inner = clashing
    with outer.running():
        outer.import_file("handler.py")
        assert answers(inner, "by_name") == ("b", "b")
        assert answers(outer, "by_name") == ("a", "a")


def test_the_archive_leaves_no_trace_in_the_process(clashing):
    before = sys.modules.copy(), list(sys.path), Path.cwd(), list(sys.meta_path)
    code = clashing[0]
    with code.starting():
        code.import_file("handler.py").lazy()
    assert (sys.modules, sys.path, Path.cwd(), list(sys.meta_path)) == before


def test_a_failing_start_leaves_no_trace_in_the_process(code_of):
    code = code_of(
        {
            "handler.py": "import os, sys, utils\nsys.path += ['lib']\nos.chdir('/')\n1 / 0\n",
            "utils.py": "",
        }
    )
    before = sys.modules.copy(), list(sys.path), Path.cwd()
    with pytest.raises(ZeroDivisionError), code.starting():
        code.import_file("handler.py")
    assert (sys.modules, sys.path, Path.cwd()) == before


def test_closing_the_last_archive_takes_the_finders_away(code_of, monkeypatch):
    # A handler that was started without a loader, as under another server, is never closed, and
    # tests before this one may have started some: here there is no other archive.
    monkeypatch.setattr("ts_sdk.routing.known_codes", {})
    monkeypatch.setattr(
        "sys.meta_path", [finder for finder in sys.meta_path if not is_for_archives(finder)]
    )
    before = list(sys.meta_path)
    code = code_of({"handler.py": ""})
    assert sys.meta_path != before
    code.close()
    assert sys.meta_path == before


def test_starting_happens_in_the_archives_folder(code_of):
    """Handlers open their files by relative names, as in the old worker."""
    code = code_of(
        {
            "handler.py": "import pathlib\nTEXT = pathlib.Path('words.txt').read_text()",
            "words.txt": "cat",
        }
    )
    with code.starting():
        assert code.import_file("handler.py").TEXT == "cat"


def test_sys_path_itself_may_be_replaced_while_starting(code_of):
    code = code_of({"handler.py": "import sys\nsys.path = ['lib', *sys.path]\nimport inner"})
    (code.folder / "lib").mkdir()
    (code.folder / "lib/inner.py").write_text("")
    path, entries = sys.path, list(sys.path)
    with code.starting():
        code.import_file("handler.py")
    assert sys.path is path
    assert sys.path == entries
    assert "inner" not in sys.modules


class TestImportStatements:
    def test_modules_that_import_each_other(self, code_of):
        code = code_of(
            {
                "handler.py": "import a\ndef answer(): return a.value(), a.b.value()",
                "a.py": "import b\ndef value(): return b.NUMBER + 1",
                "b.py": "import a\nNUMBER = 1\ndef value(): return a.value() + 1",
            }
        )
        assert answers(code) == (2, 3)

    def test_submodules_that_import_each_other_get_modules_and_no_stand_ins(self, code_of):
        code = code_of(
            {
                "handler.py": "import p.a\ndef answer(): return p.b.a is p.a, p.a.b is p.b",
                "p/__init__.py": "",
                "p/a.py": "import p.b as b",
                "p/b.py": "import p.a as a\nfrom p import a as again\nassert a is again",
            }
        )
        assert answers(code) == (True, True)

    def test_star_imports_follow_all(self, code_of):
        code = code_of(
            {
                "handler.py": "from p import *\ndef answer(): return sub.X, Y, 'Z' in globals()",
                "p/__init__.py": "__all__ = ['sub', 'Y']\nY = 2\nZ = 3",
                "p/sub.py": "X = 1",
            }
        )
        assert answers(code) == (1, 2, False)

    def test_dotted_imports_bind_the_package(self, code_of):
        code = code_of(
            {
                "handler.py": "import p.q.r\ndef answer(): return p.q.r.X",
                "p/__init__.py": "",
                "p/q/__init__.py": "",
                "p/q/r.py": "X = 5",
            }
        )
        assert answers(code) == 5

    def test_a_function_of_a_submodules_name_hides_it_as_in_python(self, code_of):
        code = code_of(
            {
                "handler.py": "from p import run\ndef answer(): return run()",
                "p/__init__.py": "from .run import run",
                "p/run.py": "def run(): return 'function'",
            }
        )
        assert answers(code) == "function"

    def test_a_missing_module_is_named(self, code_of):
        code = code_of({"handler.py": "import no_such_thing"})
        with pytest.raises(ModuleNotFoundError, match="no_such_thing") as caught:
            answers(code)
        assert caught.value.name == "no_such_thing"

    def test_a_missing_submodule_and_a_missing_name_are_named(self, code_of):
        code = code_of({"a.py": "import p.none", "b.py": "from p import none", "p/__init__.py": ""})
        with pytest.raises(ModuleNotFoundError, match=r"p\.none"):
            answers(code, member="a.py")
        with pytest.raises(ImportError, match="cannot import name 'none'"):
            answers(code, member="b.py")

    def test_a_plain_file_has_no_submodules(self, code_of):
        code = code_of({"handler.py": "import flat.none", "flat.py": ""})
        with pytest.raises(ModuleNotFoundError, match="'flat' is not a package"):
            answers(code)

    def test_a_relative_import_in_no_package_says_what_to_write(self, code_of):
        code = code_of({"handler.py": "from .utils import x", "utils.py": "x = 1"})
        with pytest.raises(ImportError, match="import utils without dots"):
            answers(code)

    def test_a_module_that_fails_is_executed_anew_when_it_is_imported_again(self, code_of):
        """And leaves nothing behind that later look-ups could find."""
        code = code_of(
            {
                "handler.py": """
                    import inspect, sys
                    def answer():
                        causes = []
                        for _ in range(2):
                            try:
                                import p.broken
                            except ValueError as error:
                                causes.append(str(error))
                        inspect.getmodule(answer)  # reads all of sys.modules
                        import p
                        return causes, "p.broken" in sys.modules, hasattr(p, "broken")
                """,
                "p/__init__.py": "",
                "p/broken.py": "raise ValueError('not today')",
            }
        )
        assert answers(code) == (["not today", "not today"], False, False)

    def test_a_module_written_by_the_handler_is_found(self, code_of):
        code = code_of(
            {
                "handler.py": """
                    import importlib, pathlib
                    try:
                        import generated
                    except ImportError:
                        pathlib.Path("generated.py").write_text("X = 1")
                        importlib.invalidate_caches()
                        import generated
                    def answer(): return generated.X
                """
            }
        )
        with code.starting():
            assert code.import_file("handler.py").answer() == 1
        assert "generated" not in sys.modules

    def test_a_package_that_replaces_itself_is_taken_as_what_it_became(self, code_of):
        """Packages with lazy attributes put an object of their own into sys.modules."""
        code = code_of(
            {
                "handler.py": "import lazy\nfrom lazy import anything\n"
                "def answer(): return lazy.other, anything",
                "lazy.py": """
                    import sys, types
                    class Lazy(types.ModuleType):
                        def __getattr__(self, name): return "lazily " + name
                    sys.modules[__name__] = Lazy(__name__)
                """,
            }
        )
        assert answers(code) == ("lazily other", "lazily anything")
        assert "lazy" not in sys.modules

    def test_an_alias_in_sys_modules_is_the_archives_own(self, code_of):
        """How handlers let old pickles find classes that were renamed since."""
        code = code_of(
            {
                "handler.py": """
                    import pickle, sys, new_name
                    sys.modules["old_name"] = new_name
                    def answer(): return pickle.loads(b"cold_name\\nThing\\n.") is new_name.Thing
                """,
                "new_name.py": "class Thing: pass",
            }
        )
        with code.starting():
            handler = code.import_file("handler.py")
            assert handler.answer()
        assert "old_name" not in sys.modules
        with code.running():
            assert handler.answer()


class TestWhereModulesAreFound:
    def test_a_handler_in_a_folder_finds_its_neighbours_and_the_root(self, code_of):
        code = code_of(
            {
                "src/handler.py": "import near, far\ndef answer(): return near.X, far.X",
                "src/near.py": "X = 1",
                "far.py": "X = 2",
            }
        )
        assert answers(code, member="src/handler.py") == (1, 2)

    def test_a_handler_in_a_package_imports_relatively(self, code_of):
        code = code_of(
            {
                "src/pkg/__init__.py": "",
                "src/pkg/handler.py": "from .near import X\nfrom pkg import near\n"
                "def answer(): return X, near.X, __name__",
                "src/pkg/near.py": "X = 1",
            }
        )
        assert answers(code, member="src/pkg/handler.py") == (1, 1, "pkg.handler")

    def test_the_file_that_is_asked_for_is_taken_though_another_has_its_name(self, code_of):
        code = code_of({"main.py": "X = 'root'", "model/main.py": "X = 'folder'"})
        with code.running():
            assert code.import_file("main.py").X == "root"
            assert code.import_file("model/main.py").X == "folder"

    def test_folders_of_the_archive_on_sys_path(self, code_of):
        """Inserted ones come before the archive's root, appended ones after it."""
        code = code_of(
            {
                "handler.py": """
                    import os, sys
                    here = os.path.dirname(os.path.abspath(__file__))
                    sys.path.insert(0, os.path.join(here, "first"))
                    sys.path.append(here + "/lib/../last")
                    sys.path.append("relative")
                    sys.path.append(here + "/not_there")
                    import x, y, z
                    def answer():
                        import late
                        return x.X, y.X, z.X, late.X
                """,
                "x.py": "X = 'root'",
                "first/x.py": "X = 'first'",
                "y.py": "X = 'root'",
                "last/y.py": "X = 'last'",
                "lib/README": "",
                "relative/z.py": "X = 'relative'",
                "last/late.py": "X = 'late'",
            }
        )
        with code.starting():
            handler = code.import_file("handler.py")
        with code.running():
            assert handler.answer() == ("first", "root", "relative", "late")
        assert not {"x", "y", "z", "late"} & sys.modules.keys()

    def test_a_folder_that_is_filled_after_it_was_put_on_sys_path(self, code_of):
        """Handlers unpack a zip of sources into their folder."""
        code = code_of(
            {
                "handler.py": """
                    import pathlib, sys
                    sys.path.insert(0, str(pathlib.Path(__file__).parent / "unpacked"))
                    import zipfile
                    pathlib.Path("unpacked").mkdir()
                    pathlib.Path("unpacked/inner_module.py").write_text("X = 1")
                    import inner_module
                """
            }
        )
        with code.starting():
            assert code.import_file("handler.py").inner_module.X == 1
        assert "inner_module" not in sys.modules

    def test_folders_outside_on_sys_path_are_found_later_too_by_this_archive_only(
        self, code_of, tmp_path, monkeypatch
    ):
        outside = tmp_path / "outside"
        outside.mkdir()
        for name in ("outside_now", "outside_late"):
            (outside / f"{name}.py").write_text("X = 1")
            monkeypatch.delitem(sys.modules, name, raising=False)
        handler = f"""
            import sys
            sys.path.append({str(outside)!r})
            import outside_now
            def answer():
                import outside_late
                return outside_now.X, outside_late.X
        """
        code = code_of({"handler.py": handler}, "a")
        other = code_of({"handler.py": "def answer():\n    import outside_late"}, "b")
        with code.starting():
            module = code.import_file("handler.py")
        assert str(outside) not in sys.path
        with pytest.raises(ModuleNotFoundError):
            answers(other)
        with code.running():
            assert module.answer() == (1, 1)
        for name in ("outside_now", "outside_late"):  # installed modules, shared by all
            monkeypatch.delitem(sys.modules, name)

    def test_a_zip_of_modules_in_the_archive(self, code_of, monkeypatch):
        import zipfile

        code = code_of(
            {
                "handler.py": """
                    import os, sys
                    sys.path.append(os.path.join(os.path.dirname(__file__), "deps.zip"))
                    def answer():
                        import zipped_module
                        return zipped_module.X
                """
            }
        )
        with zipfile.ZipFile(code.folder / "deps.zip", "w") as file:
            file.writestr("zipped_module.py", "X = 1")
        with code.starting():
            handler = code.import_file("handler.py")
        with code.running():
            assert handler.answer() == 1
        monkeypatch.delitem(sys.modules, "zipped_module")

    def test_standard_modules_that_the_program_uses_stay_the_standard_ones(self, code_of):
        code = code_of(
            {
                "handler.py": "import json, types\ndef answer(): return json.loads('[1]'), types",
                "json.py": "raise ImportError('not me')",
                "types.py": "raise ImportError('not me')",
            }
        )
        import types

        assert answers(code) == ([1], types)

    def test_a_folder_of_data_does_not_hide_an_installed_package(self, code_of):
        import yaml

        code = code_of(
            {
                "handler.py": "import yaml, data.inner\n"
                "def answer(): return yaml, data.inner.X, data.__file__",
                "yaml/config.txt": "",
                "data/inner.py": "X = 1",
            }
        )
        assert answers(code) == (yaml, 1, None)

    def test_a_vendored_package_hides_the_installed_one_for_this_archive_only(self, code_of):
        import yaml

        files = {"handler.py": "import yaml\ndef answer(): return yaml.VERSION"}
        code = code_of({**files, "yaml/__init__.py": "VERSION = 'vendored'"})
        assert answers(code) == "vendored"
        assert sys.modules["yaml"] is yaml

    def test_the_sdk_is_the_programs_even_when_a_copy_lies_in_the_folder(self, code_of):
        import ts_sdk

        code = code_of(
            {
                "handler.py": "import ts_sdk\ndef answer(): return ts_sdk",
                "ts_sdk/__init__.py": "raise ImportError('not me')",
            }
        )
        assert answers(code) is ts_sdk

    def test_links_to_the_folder_make_no_difference(self, code_of, tmp_path):
        code = code_of(
            {
                "handler.py": f"""
                    import sys
                    sys.path.insert(0, {str(tmp_path / "link/lib")!r})
                    import inner
                    def answer(): return inner.X
                """,
                "lib/inner.py": "X = 1",
            }
        )
        (tmp_path / "link").symlink_to(code.folder)
        with code.starting():
            assert code.import_file("handler.py").answer() == 1
        assert "inner" not in sys.modules

    def test_no_bytecode_is_left_in_a_folder_of_sources_and_edits_count_at_once(self, code_of):
        code = code_of({"handler.py": "X = 1"})
        assert code.import_file("handler.py").X == 1
        code.close()
        again = code_of({"handler.py": "X = 2"})
        assert again.import_file("handler.py").X == 2
        assert not list(code.folder.rglob("*.pyc"))

    def test_files_of_packages_are_found_by_the_import_system(self, code_of):
        code = code_of(
            {
                "handler.py": """
                    import importlib.resources, importlib.util, pkgutil
                    def answer():
                        import p
                        return (
                            importlib.resources.files("p").joinpath("words.txt").read_text(),
                            pkgutil.get_data("p", "words.txt"),
                            [info.name for info in pkgutil.iter_modules(p.__path__)],
                            importlib.util.find_spec("p.sub") is not None,
                            importlib.util.find_spec("p.none"),
                            importlib.util.find_spec("none_at_all"),
                        )
                """,
                "p/__init__.py": "",
                "p/sub.py": "",
                "p/words.txt": "cat",
            }
        )
        assert answers(code) == ("cat", b"cat", ["sub"], True, None, None)

    def test_a_package_that_imports_all_its_submodules_by_name(self, code_of):
        code = code_of(
            {
                "handler.py": "import plugins\ndef answer(): return sorted(plugins.FOUND)",
                "plugins/__init__.py": """
                    import importlib, pkgutil
                    FOUND = {}
                    for info in pkgutil.iter_modules(__path__):
                        importlib.import_module(f"{__name__}.{info.name}")
                """,
                "plugins/a.py": "from plugins import FOUND\nFOUND['a'] = 1",
                "plugins/b.py": "from . import FOUND\nfrom .a import FOUND as same\nFOUND['b'] = 1",
            }
        )
        assert answers(code) == ["a", "b"]

    def test_a_package_imported_by_name_keeps_what_it_knows_of_itself(self, code_of):
        """The import system labels what it has loaded; the archive's label is the right one."""
        code = code_of(
            {
                "handler.py": """
                    import importlib, importlib.resources
                    def answer():
                        importlib.import_module("p.sub")
                        import p
                        return (
                            importlib.resources.files("p").joinpath("words.txt").read_text(),
                            p.__spec__.origin == p.__file__,
                            p.sub.__spec__.origin == p.sub.__file__,
                            p.__spec__.submodule_search_locations,
                            type(vars(p)["sub"]).__name__,
                        )
                """,
                "p/__init__.py": "",
                "p/sub.py": "",
                "p/words.txt": "cat",
            }
        )
        places = [str(code.folder / "p")]
        assert answers(code) == ("cat", True, True, places, "module")

    def test_the_programs_relative_folders_are_not_the_archives(
        self, code_of, tmp_path, monkeypatch
    ):
        """Though the archive starts with its own folder as the working directory."""
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib/whose_module.py").write_text("WHO = 'program'")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", ["lib", "", *sys.path])
        code = code_of(
            {
                "handler.py": "import whose_module\ndef answer(): return whose_module.WHO",
                "lib/whose_module.py": "WHO = 'archive'",
            }
        )
        with code.starting():
            assert code.import_file("handler.py").answer() == "program"
        assert sys.path[:2] == ["lib", ""]
        monkeypatch.delitem(sys.modules, "whose_module")


@pytest.mark.usefixtures("restless")
class TestThreadsOfAHandler:
    def ask_in_thread(self, code, function):
        """Start the archive's *function* in a thread of its own, after the handler returned."""
        with code.running():
            module = code.import_file("handler.py")
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(getattr(module, function)).result()

    @pytest.mark.parametrize("function", sorted(EXPECTED.keys() - {"hints", "source"}))
    def test_they_find_their_archives_modules(self, clashing, function):
        for code in clashing:
            result = self.ask_in_thread(code, function)
            assert result == EXPECTED[function](code.folder.name)
        for code in clashing:
            code.close()
        assert not {*NAMES, "by_name", "never_imported", "models.names"} & sys.modules.keys()

    def test_what_they_leave_does_not_stand_in_the_programs_way(
        self, clashing, tmp_path, monkeypatch
    ):
        assert self.ask_in_thread(clashing[0], "by_name") == ("a", "a")
        (tmp_path / "by_name.py").write_text("WHO = 'program'")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        import by_name

        assert by_name.WHO == "program"
        clashing[0].close()
        assert sys.modules["by_name"].WHO == "program"
        monkeypatch.delitem(sys.modules, "by_name")

    def test_a_pools_thread_that_runs_a_library_function_finds_the_running_archive(self, code_of):
        code = code_of(
            {
                "handler.py": """
                    import pickle
                    from concurrent.futures import ThreadPoolExecutor
                    from model import Net
                    def answer():
                        with ThreadPoolExecutor(1) as pool:
                            return pool.submit(pickle.loads, pickle.dumps(Net)).result() is Net
                """,
                "model.py": "class Net: pass",
            }
        )
        assert answers(code)

    def test_threads_that_import_one_slow_module_at_once_execute_it_once(self, code_of):
        code = code_of(
            {
                "handler.py": "def answer():\n    from slow import X\n    return X",
                "slow.py": """
                    import time, counted
                    counted.RUNS.append(1)
                    time.sleep(0.05)
                    X = counted.RUNS
                """,
                "counted.py": "RUNS = []",
            }
        )
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda _: answers(code), range(6)))
        assert found == [[1]] * 6

    def test_the_import_system_is_not_kept_waiting_while_it_holds_a_lock(self, code_of):
        """The thread that executes the module may be waiting for that lock."""
        code = code_of(
            {
                "slow.py": """
                    import threading
                    entered, leave = threading.Event(), threading.Event()
                    entered.set()
                    leave.wait(5)
                    X = 1
                """
            }
        )
        thread = threading.Thread(target=code.import_file, args=("slow.py",))
        with code.running():
            thread.start()
            while code.module("slow") is None or not hasattr(code.module("slow"), "leave"):
                pass
            router = RoutedLoader(code).create_module(ModuleSpec("slow", None))
            assert not hasattr(code.module("slow"), "X")  # it is still at work
            code.module("slow").leave.set()
            assert router.X == 1
        thread.join()

    def test_two_threads_in_a_circle_of_modules_do_not_wait_for_ever(self, code_of):
        code = code_of(
            {
                "a.py": "import time\ntime.sleep(0.05)\nimport b\nX = 1",
                "b.py": "import time\ntime.sleep(0.05)\nimport a\nX = 1",
            }
        )
        threads = [
            threading.Thread(target=code.import_file, args=(member,), daemon=True)
            for member in ("a.py", "b.py")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)

    def test_by_name_and_by_statement_at_once_do_not_wait_for_ever(self, code_of):
        """The import system's locks are taken in either order here."""
        code = code_of(
            {
                "handler.py": """
                    import importlib
                    def by_statement():
                        import plugins
                        return plugins.a.X
                    def by_name(): return importlib.import_module("plugins.a").X
                """,
                "plugins/__init__.py": """
                    import importlib, time
                    time.sleep(0.05)
                    importlib.import_module("plugins.a")
                """,
                "plugins/a.py": "import time\ntime.sleep(0.05)\nX = 1",
            }
        )
        found = []
        threads = [
            threading.Thread(target=lambda f=f: found.append(answers(code, f)), daemon=True)
            for f in ("by_statement", "by_name", "by_name", "by_statement")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert found == [1, 1, 1, 1]


def test_builtins_that_the_program_replaces_are_replaced_in_the_archive_too(code_of, monkeypatch):
    """Tests of handlers replace `open` or `print`, and profilers add a name of their own."""
    import builtins

    code = code_of({"handler.py": "def answer(): return divmod(7, 2), profile"})
    assert code.import_file("handler.py")
    monkeypatch.setattr(builtins, "divmod", lambda a, b: (b, a))
    monkeypatch.setattr(builtins, "profile", "added", raising=False)
    assert answers(code) == ((2, 7), "added")


def test_a_closed_archive_goes_on_working_but_imports_no_more(code_of):
    code = code_of(
        {
            "handler.py": "import near\ndef answer(): return near.X\ndef late():\n    import near",
            "near.py": "X = 1",
        }
    )
    with code.running():
        handler = code.import_file("handler.py")
    code.close()
    assert handler.answer() == 1
    with pytest.raises(ImportError, match="archive of module 'near' is closed"):
        handler.late()


def test_the_cwd_may_have_been_deleted(code_of, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code = code_of({"handler.py": "X = 1"})
    with code.starting():
        assert code.import_file("handler.py").X == 1
    os.chdir(tmp_path)
