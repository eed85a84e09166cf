"""`load`: from an archive in any form to a model that answers, and no trace in the process."""

import gc
import json
import os
import sys
import tarfile
import threading
import weakref
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest
import torch

import ts_sdk
from archiver import ArchiveError, LimitExceededError, Limits
from ts_sdk import ExtractionCache
from ts_sdk.errors import (
    ConfigError,
    DeviceUnavailableError,
    HandlerLoadError,
    LoadError,
    ModelFormatError,
)

MODEL_FILE = """
    from torch import nn
    from utils import BIAS
    class Affine(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)
        def forward(self, x): return self.linear(x) + BIAS
"""
HANDLER = """
    import utils
    from pathlib import Path
    from ts_sdk import BaseHandler
    class Mine(BaseHandler):
        def initialize(self, context):
            super().initialize(context)
            self.words = Path("words.txt").read_text()
        def postprocess(self, data):
            import late
            return [(utils.WHO, self.words, late.WHO, value) for value in data[:, 0].tolist()]
"""
WEIGHTS = {"linear.weight": torch.tensor([[2.0, 3.0]]), "linear.bias": torch.tensor([1.0])}
MANIFEST = """
    {"model": {"modelName": "affine", "modelVersion": "1.0", "handler": "handler.py",
               "modelFile": "model.py", "serializedFile": "weights.pt"}}
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache of the test's own, also where none is given."""
    monkeypatch.setenv("TS_SDK_CACHE_DIR", str(tmp_path / "cache"))
    return ExtractionCache(tmp_path / "cache")


@pytest.fixture
def make(write_folder, saved):
    """A folder of sources that answers (who, who's words, who, 2a + 3b + 1 + bias)."""

    def making(who, bias=0):
        files = {
            "handler.py": HANDLER,
            "model.py": MODEL_FILE,
            "utils.py": f"WHO = {who!r}\nBIAS = {bias}\n",
            "late.py": f"WHO = {who!r}\n",
            "words.txt": f"words of {who}",
            "weights.pt": saved(WEIGHTS),
            "MAR-INF/MANIFEST.json": MANIFEST,
        }
        return write_folder(files, who)

    return making


def as_mar(folder):
    path = folder.with_suffix(".mar")
    with zipfile.ZipFile(path, "w") as file:
        for member in sorted(folder.rglob("*")):
            file.write(member, member.relative_to(folder))
    return path


def as_tar(folder):
    path = folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as file:
        file.add(folder, folder.name)
    return path


def process_state():
    """What a load must leave as it was."""
    return (
        dict(sys.modules),
        list(sys.path),
        list(sys.meta_path),
        Path.cwd(),
        threading.active_count(),
    )


@pytest.fixture(autouse=True)
def warm(make):
    """Whatever torch and others import late is imported before states are compared."""
    with ts_sdk.load(as_mar(make("warm")), device="cpu") as model:
        model.predict([0.0, 0.0])


class TestForms:
    @pytest.mark.parametrize("form", [lambda folder: folder, as_mar, as_tar])
    def test_all_answer_alike_and_leave_no_trace(self, make, form):
        path = form(make("cat", bias=10))
        before = process_state()
        with ts_sdk.load(path, device="cpu") as model:
            assert process_state()[:2] == before[:2]
            assert process_state()[3:] == before[3:]
            assert model.predict([1.0, 1.0]) == ("cat", "words of cat", "cat", 16.0)
            assert process_state()[:2] == before[:2]
            assert model.path == path
        assert process_state() == before

    @pytest.mark.parametrize("spell", [str, os.fspath, lambda path: Path(os.path.relpath(path))])
    def test_paths_may_be_text_and_relative(self, make, spell, monkeypatch):
        folder = make("cat")
        monkeypatch.chdir(folder.parent.parent)
        with ts_sdk.load(spell(folder), device="cpu") as model:
            assert model.predict([1.0, 1.0])[0] == "cat"

    def test_a_link_to_a_folder(self, make, tmp_path):
        (tmp_path / "link").symlink_to(make("cat"))
        with ts_sdk.load(tmp_path / "link", device="cpu") as model:
            assert model.predict([1.0, 1.0])[0] == "cat"

    def test_a_folder_without_a_manifest(self, make):
        folder = make("cat")
        (folder / "MAR-INF/MANIFEST.json").unlink()
        (folder / "utils.py").write_text("WHO = 'cat'\nBIAS = 0\n")
        (folder / "late.py").write_text("WHO = 'cat'\n")
        with ts_sdk.load(folder, device="cpu") as model:
            assert model.predict([1.0, 1.0]) == ("cat", "words of cat", "cat", 6.0)

    def test_a_folder_is_used_in_place_so_that_a_debugger_stops_in_it(self, make):
        folder = make("cat")
        before = sorted(folder.rglob("*"))
        with ts_sdk.load(folder, device="cpu") as model:
            code = type(model.handler).postprocess.__code__
            assert code.co_filename == str(folder / "handler.py")
            assert model.context.system_properties["model_dir"] == str(folder)
            model.predict([1.0, 1.0])
        assert sorted(folder.rglob("*")) == before

    def test_an_edit_of_a_folder_counts_at_the_next_load(self, make):
        folder = make("cat")
        for answer in ("first", "secnd"):  # of one length, within one second
            (folder / "utils.py").write_text(f"WHO = {answer!r}\nBIAS = 0\n")
            with ts_sdk.load(folder, device="cpu") as model:
                assert model.predict([1.0, 1.0])[0] == answer

    def test_the_archives_file_is_not_held_open(self, make):
        path = as_mar(make("cat"))
        with ts_sdk.load(path, device="cpu") as model:
            assert str(path) not in [file.path for file in psutil.Process().open_files()]
            path.unlink()
            assert model.predict([1.0, 1.0])[0] == "cat"


class TestSideBySide:
    def test_archives_with_clashing_names_in_many_threads(self, make):
        paths = [as_mar(make(who, bias=bias)) for bias, who in enumerate("abcd")]

        def use(number):
            which = number % 4
            with ts_sdk.load(paths[which], device="cpu") as model:
                who = "abcd"[which]
                expected = (who, f"words of {who}", who, 6.0 + which)
                return all(model.predict([1.0, 1.0]) == expected for _ in range(3))

        before = process_state()
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(use, range(40)))
        assert process_state() == before

    def test_models_stay_apart_for_as_long_as_they_live(self, make):
        models = [ts_sdk.load(as_mar(make(who)), device="cpu") for who in "abc"]
        try:
            for _ in range(2):
                assert [model.predict([0.0, 0.0])[0] for model in models] == ["a", "b", "c"]
            models[1].close()
            assert [model.predict([0.0, 0.0])[2] for model in models[::2]] == ["a", "c"]
        finally:
            for model in models:
                model.close()

    def test_one_archive_may_be_loaded_twice_and_each_has_its_own_state(
        self, load_folder, write_folder
    ):
        folder = write_folder(
            {
                "handler.py": """
                    import state
                    def handle(data, context):
                        state.COUNT += len(data or ())
                        return data and [state.COUNT] * len(data)
                """,
                "state.py": "COUNT = 0",
            }
        )
        with ts_sdk.load(folder) as one, ts_sdk.load(folder) as two:
            assert [one.predict(1), one.predict(1), two.predict(1)] == [1, 2, 1]

    def test_a_handler_may_load_another_archive(self, make, load_folder):
        inner = as_mar(make("inner"))
        model = load_folder(
            {
                "handler.py": f"""
                    import ts_sdk, utils
                    from pathlib import Path
                    from ts_sdk import BaseHandler
                    class Outer(BaseHandler):
                        def initialize(self, context):
                            self.inner = ts_sdk.load({str(inner)!r}, device="cpu")
                            import late
                            self.words = Path("words.txt").read_text()
                        def handle(self, data, context):
                            import late
                            return [(late.WHO, utils.WHO, *self.inner.predict([0.0, 0.0])[:3])]
                """,
                "utils.py": "WHO = 'outer'",
                "late.py": "WHO = 'outer'",
                "words.txt": "outer words",
            }
        )
        assert model.predict(1) == ("outer", "outer", "inner", "words of inner", "inner")
        assert model.handler.words == "outer words"
        model.handler.inner.close()


class TestFailures:
    @pytest.fixture
    def failing(self, load_folder):
        """Load a handler's text that cannot be loaded; the error, after a look at the process."""

        def load(text, *, error=LoadError, **options):
            before = process_state()
            with pytest.raises(error) as caught:
                load_folder({"handler.py": text, "utils.py": "", "late.py": ""}, **options)
            assert process_state() == before
            return caught.value

        return load

    def test_of_an_import(self, failing):
        error = failing("import utils, sys\nsys.path.insert(0, 'lib')\nimport no_such_thing")
        assert isinstance(error, HandlerLoadError)
        assert (error.phase, error.archive.name) == ("import handler", "sources")
        assert str(error).startswith("sources: importing the handler handler.py failed: ModuleNot")

    def test_of_initialize_names_the_line(self, failing):
        error = failing(
            """
            import os, utils
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                def initialize(self, context):
                    os.chdir("/")
                    open("none.bin")
            """
        )
        assert error.phase == "initialize"
        assert "FileNotFoundError" in str(error)
        assert "(handler.py:7 in initialize: open(" in str(error)

    @pytest.mark.parametrize(
        "raised", ["RequestError('no')", "ModelClosedError('no')", "SystemExit(2)", "KeyError('x')"]
    )
    def test_of_initialize_are_load_errors_whatever_it_raises(self, failing, raised):
        error = failing(
            "from ts_sdk import BaseHandler, ModelClosedError, RequestError\n"
            f"class Mine(BaseHandler):\n    def initialize(self, context): raise {raised}"
        )
        assert (type(error), error.phase) == (HandlerLoadError, "initialize")

    def test_of_a_device_stay_what_they_are(self, failing):
        error = failing(
            "from ts_sdk import BaseHandler, DeviceUnavailableError\n"
            "class Mine(BaseHandler):\n"
            "    def initialize(self, context): raise DeviceUnavailableError('no', device='x')",
            error=DeviceUnavailableError,
        )
        assert str(error) == "no"

    def test_of_the_config_name_the_archive_and_every_problem(self, failing):
        error = failing("", config="batchSize: x\nmaxWorkers: y")
        assert isinstance(error, ConfigError)
        assert len(error.problems) == 2
        assert str(error).startswith("sources: model-config.yaml: batchSize must be")

    def test_of_the_model_name_the_archive(self, failing, load_folder):
        error = failing("from ts_sdk import BaseHandler\nclass Mine(BaseHandler): pass")
        assert str(error).startswith("sources: the archive has neither a serialized file nor")

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
    def test_of_a_device_that_is_not_there(self, failing):
        error = failing("", error=DeviceUnavailableError, device="cuda:1")
        assert error.device == "cuda:1"

    def test_interrupted_by_the_user(self, failing):
        failing("raise KeyboardInterrupt", error=KeyboardInterrupt)

    def test_leave_the_cache_free_to_be_cleared(self, make, own_cache):
        folder = make("cat")
        (folder / "handler.py").write_text("1 / 0")
        with pytest.raises(HandlerLoadError):
            ts_sdk.load(as_mar(folder), device="cpu")
        assert not own_cache.clear().kept

    def test_of_an_archive_beyond_the_limits(self, make):
        with pytest.raises(LimitExceededError, match="max_members = 3"):
            ts_sdk.load(as_mar(make("cat")), limits=Limits(max_members=3))

    def test_of_weights_in_an_archive(self, make):
        folder = make("cat")
        (folder / "weights.pt").write_bytes((folder / "weights.pt").read_bytes()[:700])
        with pytest.raises(ModelFormatError, match=r"^cat\.mar: weights\.pt is "):
            ts_sdk.load(as_mar(folder), device="cpu")

    @pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 truncated"])
    def test_of_what_is_no_archive(self, tmp_path, content):
        path = tmp_path / "cat.mar"
        path.write_bytes(content)
        with pytest.raises(ArchiveError):
            ts_sdk.load(path)


@pytest.mark.parametrize(
    ("given", "named"), [(None, "None"), (7, "int"), (b"cat.mar", "bytes"), (["cat.mar"], "list")]
)
def test_what_is_no_path_is_a_type_error_that_says_what_is_taken(given, named):
    with pytest.raises(TypeError, match=rf"a str or a pathlib\.Path .* not {named}$"):
        ts_sdk.load(given)


@pytest.mark.parametrize("given", [7, [7], [["first"]], [b"first"]])
def test_layers_are_named_by_texts(given, tmp_path):
    with pytest.raises(TypeError, match="keep_float32 takes names of layers, a list of str, not"):
        ts_sdk.load(tmp_path, precision="float16", keep_float32=given)


class TestDevices:
    HANDLER = (
        "def handle(data, context): return data and [str(context.system_properties['gpu_id'])]"
    )

    @pytest.mark.skipif(
        torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU here"
    )
    def test_a_gpu_that_only_the_config_asks_for_is_replaced_with_a_warning(
        self, load_folder, caplog
    ):
        model = load_folder(
            {"handler.py": self.HANDLER}, config="deviceType: gpu\ndeviceIds: [2]", device=None
        )
        assert model.device == torch.device("cpu")
        assert model.predict(1) == "None"
        assert caplog.messages[0].startswith("model-config.yaml asks for cuda:2, running on cpu: ")

    def test_the_callers_word_goes_before_the_configs(self, load_folder, caplog):
        model = load_folder({"handler.py": self.HANDLER}, config="deviceType: gpu", device="cpu")
        assert model.device == torch.device("cpu")
        assert caplog.messages == []

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
    @pytest.mark.parametrize("precision", list(ts_sdk.Precision))
    def test_cuda(self, make, precision):
        with ts_sdk.load(as_mar(make("cat")), device="cuda", precision=precision) as model:
            assert model.device == torch.device("cuda", 0)
            assert model.handler.model.linear.weight.device == model.device
            assert model.context.system_properties["gpu_id"] == 0
            assert model.predict([1.0, 1.0])[3] == pytest.approx(6.0, rel=1e-2)


class TestClosing:
    def test_frees_the_weights_at_once(self, make):
        """They may be most of the device's memory; the next model is not to wait for them."""
        model = ts_sdk.load(make("cat"), device="cpu")
        model.predict([1.0, 1.0])
        weight = weakref.ref(model.handler.model.linear.weight)
        gc.collect()
        gc.disable()
        try:
            model.close()
            assert weight() is None
        finally:
            gc.enable()

    def test_frees_what_a_module_keeps_at_once_too(self, load_folder):
        model = load_folder(
            {
                "handler.py": """
                    import torch
                    from ts_sdk import BaseHandler
                    class Service(BaseHandler):
                        def initialize(self, context): self.model = torch.nn.Linear(2, 2)
                    _service = Service()
                    def handle(data, context):
                        if data is None:
                            return _service.initialize(context)
                        return [_service.model.weight]
                """
            }
        )
        weight = weakref.ref(model.predict(1))
        model.close()
        assert weight() is None

    def test_lets_the_extracted_files_be_cleared_and_not_before(self, make, own_cache):
        model = ts_sdk.load(as_mar(make("cat")), device="cpu")
        assert [entry.archive for entry in own_cache.clear().kept] == ["cat.mar"]
        model.close()
        assert own_cache.clear().kept == ()
        assert own_cache.entries() == []

    def test_leaves_nothing_of_the_archive(self, make):
        model = ts_sdk.load(make("cat"), device="cpu")
        handler_class = weakref.ref(type(model.handler))
        model.close()
        gc.collect()
        assert handler_class() is None

    def test_many_loads_do_not_grow_the_process(self, make):
        path = as_mar(make("cat"))

        def cycle(times):
            for _ in range(times):
                with ts_sdk.load(path, device="cpu") as model:
                    assert model.predict([1.0, 1.0])[3] == 6.0
            gc.collect()
            return (
                len(sys.modules),
                len(sys.path_importer_cache),
                threading.active_count(),
                psutil.Process().num_fds(),
                len(gc.get_objects()),
            )

        before = cycle(20)
        after = cycle(300)
        assert after[:4] == before[:4]
        assert after[4] - before[4] < 300  # less than one object a cycle


def test_a_handler_that_cannot_start_tells_what_its_requirements_lack(write_folder):
    manifest = {"modelName": "m", "handler": "handler.py", "requirementsFile": "requirements.txt"}
    folder = write_folder(
        {
            "handler.py": "import no_such_package\n",
            "requirements.txt": "no-such-package==2.0\nnumpy==0.1  # long ago\npillow\n",
            "MAR-INF/MANIFEST.json": json.dumps({"model": manifest}),
        }
    )
    with pytest.raises(HandlerLoadError) as caught:
        ts_sdk.load(folder, device="cpu")
    (note,) = caught.value.__notes__
    assert "needs no-such-package==2.0, not installed" in note
    assert f"needs numpy==0.1, installed {version('numpy')}" in note
    assert "pillow" not in note
    assert "isolation='venv'" in note


class TestWhileAnotherArchiveStarts:
    """Its folder is the working directory of the whole process then."""

    SLOW = """
        import pathlib
        import time

        def handle(data, context):
            if data is None:
                pathlib.Path("started").touch()
                while not pathlib.Path("go_on").exists():
                    time.sleep(0.01)
            return data
    """

    @pytest.fixture
    def starting(self, load_folder, write_folder):
        """A folder whose handler is starting, in another thread, until the test is over."""
        folder = write_folder({"handler.py": self.SLOW}, "slow")
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(ts_sdk.load, folder, device="cpu")
            while not (folder / "started").exists():
                assert not loading.done()
            yield folder
            (folder / "go_on").touch()
            loading.result().close()

    def test_relative_paths_are_the_programs(self, load_folder, tmp_path, monkeypatch, request):
        monkeypatch.chdir(tmp_path)
        model = load_folder({"handler.py": "def handle(data, context):\n    return data\n"})
        (tmp_path / "a.txt").write_text("here")
        request.getfixturevalue("starting")
        assert model.predict(Path("a.txt")) == {"body": "here"}
        assert ExtractionCache(Path("cache")).root == tmp_path / "cache"
        with pytest.raises(ArchiveError, match=r"nowhere\.mar"):
            ts_sdk.load("nowhere.mar")


@pytest.mark.parametrize("name", ["response_timeout_s", "startup_timeout_s"])
def test_a_timeout_needs_a_process_of_its_own(write_folder, name):
    folder = write_folder({"handler.py": "def handle(data, context): return data"})
    with pytest.raises(ValueError, match="isolation='process' or 'venv'"):
        ts_sdk.load(folder, **{name: 1})
    with pytest.raises(ValueError, match="must be 0 s"):
        ts_sdk.load(folder, isolation="process", **{name: "a"})


def test_a_folder_in_place_of_a_cache_is_refused_with_the_way_to_make_one(tmp_path):
    with pytest.raises(TypeError, match=r"ts_sdk\.ExtractionCache\(folder\)"):
        ts_sdk.load(tmp_path, cache=tmp_path)
