"""TorchServe's import names outside of archives."""

import importlib
import sys

import pytest

from ts_sdk import torchserve
from ts_sdk.context import Context


@pytest.fixture(autouse=True)
def _as_before():
    yield
    torchserve.uninstall()


@pytest.fixture
def installed_package(tmp_path, monkeypatch):
    """Let a package that is called ts be found; returns what does so."""

    def install(init="__init__.py"):
        package = tmp_path / "site" / "ts"
        package.mkdir(parents=True)
        (package / init).write_text("WHO = 'another'")
        monkeypatch.syspath_prepend(package.parent)
        return package

    yield install
    sys.modules.pop("ts", None)


def test_a_program_does_not_have_them():
    with pytest.raises(ModuleNotFoundError, match="No module named 'ts'"):
        importlib.import_module("ts.context")


def test_a_program_has_them_once_they_are_installed():
    torchserve.install()
    import ts.context
    from ts.torch_handler import base_handler

    everything = {}
    exec("from ts.utils.util import *", everything)  # noqa: S102 - Python allows it in no function
    assert ts.context.Context is Context
    assert ts.service.Context is Context
    assert base_handler is sys.modules["ts.torch_handler.base_handler"]
    assert everything["PredictionException"](1).error_code == 500


def test_what_is_not_there_is_named():
    torchserve.install()
    with pytest.raises(ModuleNotFoundError, match="it is a part of the server"):
        importlib.import_module("ts.model_server")
    with pytest.raises(AttributeError, match="did you mean 'Context'"):
        _ = importlib.import_module("ts.context").Contest
    with pytest.raises(ImportError, match="cannot import name 'Contest'"):
        from ts.context import Contest  # noqa: F401


def test_uninstalling_takes_them_away():
    torchserve.install()
    importlib.import_module("ts.context")
    torchserve.uninstall()
    assert not [name for name in sys.modules if name.partition(".")[0] == "ts"]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("ts.context")


def test_doing_either_twice_changes_nothing():
    before = list(sys.meta_path)
    torchserve.install()
    torchserve.install()
    assert len(sys.meta_path) == len(before) + 1
    torchserve.uninstall()
    torchserve.uninstall()
    assert sys.meta_path == before


def test_modules_that_are_imported_anew_are_new_ones():
    torchserve.install()
    first = importlib.import_module("ts.context")
    torchserve.uninstall()
    torchserve.install()
    assert importlib.import_module("ts.context") is not first


@pytest.mark.parametrize("init", ["__init__.py", "names.py"], ids=["package", "folder"])
def test_another_package_of_that_name_is_not_hidden(installed_package, init):
    """A folder without __init__.py is a package too, in Python's eyes."""
    package = installed_package(init)
    before = list(sys.meta_path)
    with pytest.raises(ImportError, match="there is a package 'ts' already") as caught:
        torchserve.install()
    assert str(package) in str(caught.value)
    assert sys.meta_path == before


def test_a_package_that_was_imported_and_is_nowhere_is_not_hidden(monkeypatch):
    monkeypatch.setitem(sys.modules, "ts", type(sys)("ts"))
    with pytest.raises(ImportError, match="there is a package 'ts' already"):
        torchserve.install()


def test_a_package_that_is_installed_later_wins(installed_package):
    torchserve.install()
    installed_package()
    assert importlib.import_module("ts").WHO == "another"


def test_uninstalling_leaves_another_package_alone(installed_package):
    torchserve.install()
    installed_package()
    other = importlib.import_module("ts")
    torchserve.uninstall()
    assert sys.modules["ts"] is other


def test_archives_keep_modules_of_their_own(code_of):
    torchserve.install()
    ours = importlib.import_module("ts.utils.util")
    source = """
        import ts.utils.util
        ts.utils.util.load_label_mapping = "replaced"
        def answer(): return ts.utils.util
    """
    code = code_of({"handler.py": source})
    with code.running():
        theirs = code.import_file("handler.py").answer()
    assert theirs is not ours
    assert callable(ours.load_label_mapping)
    assert sys.modules["ts.utils.util"] is ours


def test_importing_the_names_loads_no_torch():
    import subprocess

    program = (
        "import sys; from ts_sdk import torchserve; torchserve.install(); "
        "import ts.context, ts.utils.util, ts.handler_utils.utils; "
        "from ts.utils.util import PredictionException; print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
