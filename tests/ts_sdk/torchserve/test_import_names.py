"""TorchServe's import names in the code of archives."""

import io
import sys
import zipfile

import pytest

import ts_sdk
from ts_sdk.context import Context, RequestProcessor
from ts_sdk.torchserve import MODULES, knows, why_not
from ts_sdk.torchserve.modules import OldModule
from ts_sdk.torchserve.names import names_in, submodules_of
from ts_sdk.torchserve.omissions import OMISSIONS


def answer_of(code, function="answer"):
    """What *function* of the archive's handler returns, called as the loader calls it."""
    with code.running():
        return getattr(code.import_file("handler.py"), function)()


@pytest.fixture
def answer(code_of):
    """What a handler with this source answers."""

    def of(source, **files):
        return answer_of(code_of({"handler.py": source, **files}))

    return of


@pytest.fixture
def program_has_ts(tmp_path, monkeypatch):
    """The program has a package of its own that is called ts, and has imported it."""
    package = tmp_path / "installed" / "ts"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("WHO = 'the program'")
    (package / "context.py").write_text("WHO = 'its context'")
    monkeypatch.syspath_prepend(package.parent)
    import ts
    import ts.context

    yield ts
    for name in ("ts", "ts.context"):
        del sys.modules[name]


IMPORTS = {
    "the module": ("import ts.context", "ts.context.Context"),
    "the module, renamed": ("import ts.context as c", "c.Context"),
    "its package, whose attribute it is": ("import ts", "ts.context.Context"),
    "from the package": ("from ts import context", "context.Context"),
    "from the module": ("from ts.context import Context", "Context"),
    "all that is in it": ("from ts.context import *", "Context"),
    "by name": ("import importlib\nm = importlib.import_module('ts.context')", "m.Context"),
    "by a name in its package": (
        "import importlib\nm = importlib.import_module('.context', 'ts')",
        "m.Context",
    ),
    "by the function": ("m = __import__('ts.context', fromlist=['Context'])", "m.Context"),
    "from where it is imported too": ("from ts.service import Context", "Context"),
}


IN_FUNCTIONS = {style: each for style, each in IMPORTS.items() if "*" not in each[0]}
"""Python allows a star import in no function."""


class TestStylesOfImport:
    @pytest.mark.parametrize(("statement", "expression"), IMPORTS.values(), ids=IMPORTS)
    def test_at_the_top_of_a_module(self, answer, statement, expression):
        assert answer(f"{statement}\ndef answer(): return {expression}") is Context

    @pytest.mark.parametrize(("statement", "expression"), IN_FUNCTIONS.values(), ids=IN_FUNCTIONS)
    def test_late_in_a_function(self, answer, statement, expression):
        body = "\n".join(f"    {line}" for line in statement.splitlines())
        assert answer(f"def answer():\n{body}\n    return {expression}") is Context

    @pytest.mark.parametrize(("statement", "expression"), IN_FUNCTIONS.values(), ids=IN_FUNCTIONS)
    def test_in_a_thread_of_the_handlers_own(self, answer, statement, expression):
        body = "\n".join(f"    {line}" for line in statement.splitlines())
        source = f"""
from concurrent.futures import ThreadPoolExecutor
def late():
{body}
    return {expression}
def answer():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(late).result()
"""
        assert answer(source) is Context

    @pytest.mark.parametrize(("statement", "expression"), IMPORTS.values(), ids=IMPORTS)
    def test_where_the_program_has_a_package_of_that_name(
        self, answer, program_has_ts, statement, expression
    ):
        assert answer(f"{statement}\ndef answer(): return {expression}") is Context
        assert sys.modules["ts"] is program_has_ts
        assert program_has_ts.context.WHO == "its context"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_and_every_name_of_the_table_is_there(answer, module):
    source = f"""
        import {module} as module
        def answer():
            return module, {{name: getattr(module, name) for name in module.__all__}}
    """
    made, values = answer(source)
    assert made.__name__ == module
    names = {name for name in names_in(module) if not name.startswith("_")}
    missing = names - values.keys()
    assert all("is not installed" in str(_error_for(made, name)) for name in missing)
    assert names | set(submodules_of(module)) >= values.keys()
    assert {*values, *submodules_of(module)} <= set(dir(made))


def _error_for(module, name):
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    return caught.value


def test_the_version_is_the_one_whose_contract_is_kept(answer):
    assert answer("import ts\nfrom ts.version import __version__ as v\n"
                  "def answer(): return ts.__version__, v") == ("0.12.0", "0.12.0")  # fmt: skip


def test_a_module_has_the_logger_of_its_own_name(answer):
    logger = answer("from ts.utils.util import logger\ndef answer(): return logger")
    assert logger.name == "ts.utils.util"


def test_a_star_import_brings_what_the_original_imports_for_itself(answer):
    """Handlers use os and torch without importing them."""
    import torch

    source = "from ts.torch_handler.base_handler import *\ndef answer(): return torch, os, logger"
    assert answer(source)[:2] == (torch, __import__("os"))


def test_a_handler_that_subclasses_and_calls_by_old_names_is_loaded(load_folder):
    model = load_folder(
        {
            "handler.py": """
                from ts.torch_handler.base_handler import BaseHandler
                from ts.utils.util import PredictionException
                class Handler(BaseHandler):
                    def initialize(self, context): pass
                    def handle(self, data, context):
                        if data[0]["body"] == "bad":
                            raise PredictionException("not that one", 422)
                        return [row["body"].upper() for row in data]
            """
        }
    )
    assert model.predict("good") == "GOOD"
    with pytest.raises(ts_sdk.RequestError, match="not that one") as caught:
        model.predict("bad")
    assert caught.value.status == 422


class TestEachArchiveHasItsOwnModules:
    SOURCE = """
        import ts.torch_handler.base_handler as base_handler
        from ts.torch_handler import base_handler as again
        def patch(): base_handler.load_label_mapping = lambda path: "patched"
        def answer(): return base_handler.load_label_mapping("/none") or "as it was"
        def same(): return base_handler is again
    """

    def test_what_one_replaces_in_a_module_is_so_for_itself_alone(self, code_of):
        first = code_of({"handler.py": self.SOURCE}, "a")
        second = code_of({"handler.py": self.SOURCE}, "b")
        answer_of(first, "patch")
        assert answer_of(first) == "patched"
        assert answer_of(second) == "as it was"
        assert answer_of(first, "same")

    def test_nothing_of_them_is_left_in_the_process(self, code_of):
        code = code_of({"handler.py": self.SOURCE})
        before = sys.modules.copy()
        answer_of(code, "patch")
        assert "ts" not in sys.modules
        assert {name for name in sys.modules.keys() - before if name.startswith("ts.")} == set()

    def test_they_are_no_modules_of_the_program(self, code_of):
        answer_of(code_of({"handler.py": self.SOURCE}))
        with pytest.raises(ModuleNotFoundError):
            __import__("ts.torch_handler")


class TestArchivesWithAModuleOfThatName:
    def test_a_file_is_the_archives_own(self, answer):
        files = {"ts.py": "WHO = 'mine'"}
        assert answer("import ts\ndef answer(): return ts.WHO", **files) == "mine"

    def test_a_package_is_the_archives_own_with_all_that_it_lacks(self, answer):
        source = """
            import ts.context
            def answer():
                try:
                    import ts.service as service
                except ImportError as error:
                    return ts.context.WHO, str(error)
        """
        files = {"ts/__init__.py": "", "ts/context.py": "WHO = 'mine'"}
        assert answer(source, **files) == ("mine", "No module named 'ts.service'")

    def test_a_folder_of_other_files_does_not_hide_torchserves(self, answer):
        files = {"ts/script.ts": "let x = 1"}
        source = "from ts.context import Context\ndef answer(): return Context"
        assert answer(source, **files) is Context


class TestPickles:
    def test_a_class_is_found_by_its_old_name(self, answer):
        source = """
            import pickle
            def answer(): return pickle.loads(b"cts.context\\nRequestProcessor\\n.")
        """
        assert answer(source) is RequestProcessor

    def test_torch_finds_it_too(self, code_of, saved):
        """In a file that torch wrote where the class had its old name."""
        source = """
            import pathlib, torch
            FILE = pathlib.Path(__file__).with_name("old.pt")
            def answer(): return torch.load(FILE, weights_only=False).get_request_property("key")
        """
        code = code_of({"handler.py": source})
        old = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(saved(RequestProcessor({"key": "value"})))) as new,
            zipfile.ZipFile(old, "w") as renamed,
        ):
            for name in new.namelist():
                content = new.read(name).replace(b"cts_sdk.context\n", b"cts.context\n")
                renamed.writestr(name, content)
        (code.folder / "old.pt").write_bytes(old.getvalue())
        assert b"cts.context\n" in old.getvalue()
        assert answer_of(code) == "value"


class TestWhatIsNotThere:
    def why(self, answer, statement):
        source = f"""
            def answer():
                try:
                    {statement}
                except ImportError as error:
                    return type(error).__name__, error.name, str(error)
        """
        return answer(source)

    def test_an_unknown_module_is_named_with_a_known_one(self, answer):
        kind, name, text = self.why(answer, "import ts.utils.utils")
        assert (kind, name) == ("ModuleNotFoundError", "ts.utils.utils")
        assert "did you mean 'ts.utils.util'" in text

    @pytest.mark.parametrize(
        "statement",
        [
            "import ts.foo.bar",
            "from ts.foo.bar import x",
            "import importlib; importlib.import_module('ts.foo.bar')",
            "from ts import foo",
        ],
    )
    def test_an_unknown_package_is_named_whatever_imports_it(self, answer, statement):
        kind, name, text = self.why(answer, statement)
        assert (kind, name) == ("ModuleNotFoundError", "ts.foo")
        assert "ts_sdk.torchserve.MODULES" in text

    def test_an_unknown_name_is_named_with_those_that_there_are(self, answer):
        kind, name, text = self.why(answer, "from ts.context import Contest")
        assert (kind, name) == ("ImportError", "ts.context")
        assert "cannot import name 'Contest'" in text
        assert text.count("Contest") == 1
        assert "did you mean 'Context'" in text
        assert "RequestProcessor" in text

    @pytest.mark.parametrize(
        "statement",
        [
            "import ts.torch_handler.vllm_handler",
            "from ts.torch_handler import vllm_handler",
            "from ts.torch_handler.vllm_handler import VLLMHandler",
        ],
    )
    def test_a_module_that_is_left_out_says_why(self, answer, statement):
        kind, name, text = self.why(answer, statement)
        assert (kind, name) == ("ModuleNotFoundError", "ts.torch_handler.vllm_handler")
        assert "it needs vLLM of 2024" in text

    def test_so_does_all_that_is_in_a_package_that_is_left_out(self, answer):
        _, _, text = self.why(answer, "import ts.handler_utils.distributed.pt_pippy")
        assert "spreads one model over several GPUs" in text

    def test_a_name_that_is_left_out_says_why(self, answer):
        kind, _, text = self.why(answer, "from ts.torch_handler.base_handler import xm")
        assert kind == "ImportError"
        assert "models do not run on XLA devices here" in text

    def test_asking_whether_there_is_a_name_raises_nothing(self, answer):
        source = "import ts.context\ndef answer(): return hasattr(ts.context, 'Contest')"
        assert answer(source) is False

    def test_a_name_of_a_package_that_is_not_installed_says_which(self, answer, monkeypatch):
        monkeypatch.setitem(sys.modules, "captum", None)
        statement = "from ts.torch_handler.vision_handler import IntegratedGradients"
        kind, _, text = self.why(answer, statement)
        assert kind == "ImportError"
        assert "needs the package 'captum', which is not installed" in text

    def test_and_is_left_out_of_star_imports(self, answer, monkeypatch):
        monkeypatch.setitem(sys.modules, "captum", None)
        source = """
            from ts.torch_handler.vision_handler import *
            def answer(): return "IntegratedGradients" in globals(), "VisionHandler" in globals()
        """
        assert answer(source) == (False, True)

    def test_every_reason_is_for_something_that_the_table_does_not_have(self):
        for omitted in OMISSIONS:
            assert not knows(*omitted.split(":"))


class TestModulesOfOtherPackages:
    """A package offers a module under an old name by an entry point."""

    @pytest.fixture
    def offered(self, tmp_path, monkeypatch):
        site = tmp_path / "site"
        info = site / "other-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[ts_sdk.torchserve]\nts.torch_handler.sound_handler = other_sound\n"
        )
        (site / "other_sound.py").write_text("class SoundHandler: pass\n_hidden = 1\n")
        monkeypatch.syspath_prepend(site)
        yield
        sys.modules.pop("other_sound", None)

    def test_its_public_names_stand_in(self, answer, offered):
        source = """
            import ts
            from ts.torch_handler.sound_handler import SoundHandler
            from ts.torch_handler.sound_handler import *
            def answer():
                module = ts.torch_handler.sound_handler
                return SoundHandler is module.SoundHandler, module.__all__, "_hidden" in dir(module)
        """
        assert answer(source) == (True, ["SoundHandler"], False)

    def test_the_table_knows_them(self, offered):
        assert knows("ts.torch_handler.sound_handler")
        assert knows("ts.torch_handler.sound_handler", "SoundHandler")
        assert not knows("ts.torch_handler.sound_handler", "_hidden")
        assert not knows("ts.torch_handler.sound_handler", "Other")

    def test_without_the_package_there_is_no_such_module(self):
        assert not knows("ts.torch_handler.sound_handler")

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            ("ts.torch_handler.vision_handler", "VisionHandler"),
            ("ts.torch_handler.image_classifier", "ImageClassifier"),
            ("ts.torch_handler.image_segmenter", "ImageSegmenter"),
            ("ts.torch_handler.object_detector", "ObjectDetector"),
            ("ts.torch_handler.text_handler", "TextHandler"),
            ("ts.torch_handler.text_classifier", "TextClassifier"),
            ("ts.torch_handler.densenet_handler", "DenseNetHandler"),
        ],
    )
    def test_the_default_handlers_are_offered(self, answer, module, name):
        found = answer(f"from {module} import {name}\ndef answer(): return {name}")
        assert found.__module__.startswith("default_handlers.")
        assert issubclass(found, ts_sdk.BaseHandler)

    def test_a_name_that_nobody_offers_says_so(self, monkeypatch):
        monkeypatch.setattr("ts_sdk.torchserve.modules.offer_for", lambda module: None)
        module = OldModule("ts.torch_handler.vision_handler")
        with pytest.raises(AttributeError, match="offered by none of the installed packages"):
            _ = module.VisionHandler


def test_what_is_known_is_told_without_importing_it():
    assert knows("ts.torch_handler.base_handler")
    assert knows("ts.torch_handler.base_handler", "BaseHandler")
    assert knows("ts.torch_handler", "base_handler")
    assert not knows("ts.torch_handler.base_handler", "Handler")
    assert not knows("ts.model_server")
    assert "it is a part of the server" in why_not("ts.model_server", "start")
