"""An environment with the packages that an archive asks for. The wheels are made here."""

import base64
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from contextlib import ExitStack
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

import ts_sdk
from archiver import Archive
from ts_sdk.cache.environments import Environments
from ts_sdk.errors import HandlerLoadError, LoadError
from ts_sdk.runtime import venv

TOOLS = ["pip", "uv"]

HANDLER = """
    import importlib.metadata, importlib.util, sys
    def handle(data, context):
        return data and [VERSIONS() for _ in data]
    def VERSIONS():
        names = ("colours", "shapes", "packaging")
        found = {}
        for name in names:
            try:
                module = __import__(name)
                found[name] = [module.__version__, importlib.metadata.version(name)]
            except ImportError:
                found[name] = None
        return {**found, "prefix": sys.prefix}
"""


def make_wheel(folder, name, version, *, needs=()):
    """A wheel with one module, which knows its version."""
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{name}-{version}.dist-info/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
            + [f"Requires-Dist: {need}" for need in needs]
        )
        + "\n",
        f"{name}-{version}.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{name}-{version}.dist-info/RECORD"] = f"{record}{name}-{version}.dist-info/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return Path(wheel.filename)


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


@pytest.fixture
def archive(write_folder):
    """Write a folder of sources with this requirements file."""

    def writing(requirements, name="sources"):
        entry = {"modelName": name, "handler": "handler.py", "requirementsFile": "requirements.txt"}
        return write_folder(
            {
                "handler.py": HANDLER,
                "requirements.txt": requirements,
                "MAR-INF/MANIFEST.json": json.dumps({"model": entry}),
            },
            name,
        )

    return writing


@pytest.fixture
def cache(tmp_path):
    return ts_sdk.ExtractionCache(tmp_path / "cache")


@pytest.fixture(params=TOOLS)
def tool(request, monkeypatch):
    """Let this tool be the one that is found."""
    found = shutil.which("uv")
    if request.param == "uv" and found is None:
        pytest.skip("uv is not installed")
    if request.param == "pip":
        _hide(monkeypatch, shutil, "which")
        _hide(monkeypatch, PathFinder, "find_spec")
    return request.param


def _hide(monkeypatch, module, name):
    """Let a function find everything but uv."""
    real = getattr(module, name)
    monkeypatch.setattr(
        module, name, lambda asked, *given: None if asked == "uv" else real(asked, *given)
    )


def load(folder, cache, isolation="venv"):
    return ts_sdk.load(folder, device="cpu", isolation=isolation, cache=cache)


def python_with(requirements, root):
    with ExitStack() as resources:
        return venv.python_with(requirements, root, "sources", resources)


def environments(cache):
    return sorted((cache.root / "environments").glob("*/.made"))


class TestAnEnvironment:
    def test_has_what_is_unmet_beside_what_the_program_has(self, archive, cache, tool):
        folder = archive("--no-index\n--find-links ./wheels\ncolours==2\npackaging>=20\n")
        make_wheel(folder / "wheels", "colours", "2", needs=["shapes>=1", "packaging"])
        make_wheel(folder / "wheels", "colours", "1")
        make_wheel(folder / "wheels", "shapes", "1.5")
        with load(folder, cache) as model:
            told = model.predict("x")
        here = importlib.metadata.version("packaging")
        assert (told["colours"], told["shapes"]) == (["2", "2"], ["1.5", "1.5"])
        assert told["packaging"] == [here, here]
        assert told["prefix"] != sys.prefix
        (made,) = environments(cache)
        assert json.loads(made.read_text())["tool"] == tool

    def test_comes_before_the_program_where_both_have_a_package(self, archive, cache, tool):
        folder = archive("--no-index\n--find-links=./wheels\npackaging==1.0\n")
        make_wheel(folder / "wheels", "packaging", "1.0")
        python = python_with(folder / "requirements.txt", cache.root)
        command = "import packaging, filelock; print(packaging.__version__, filelock.__name__)"
        ran = subprocess.run([python, "-c", command], capture_output=True, text=True, check=True)
        assert ran.stdout == "1.0 filelock\n"

    def test_replaces_also_what_a_package_needs_in_another_version(self, archive, cache, tool):
        folder = archive("--no-index\n--find-links ./wheels\ncolours\n")
        make_wheel(folder / "wheels", "colours", "1", needs=["packaging<2"])
        make_wheel(folder / "wheels", "packaging", "1.0")
        python = python_with(folder / "requirements.txt", cache.root)
        command = "import packaging; print(packaging.__version__)"
        ran = subprocess.run([python, "-c", command], capture_output=True, text=True, check=True)
        assert ran.stdout == "1.0\n"

    def test_is_made_of_packages_whose_hashes_are_given(self, archive, cache, tool):
        folder = archive("")
        wheel = make_wheel(folder / "wheels", "colours", "1")
        line = "--no-index\n--find-links ./wheels\ncolours==1 \\\n    --hash=sha256:"
        file = folder / "requirements.txt"
        file.write_text(line + hashlib.sha256(wheel.read_bytes()).hexdigest())
        assert python_with(file, cache.root) is not None
        file.write_text(line + "0" * 64)
        with pytest.raises(LoadError, match=r"(?i)hash"):
            python_with(file, cache.root)

    def test_is_made_once(self, archive, cache):
        folder = archive("--no-index\n--find-links ./wheels\ncolours\n")
        make_wheel(folder / "wheels", "colours", "1")
        first = python_with(folder / "requirements.txt", cache.root)
        made = (first.parent.parent / ".made").stat().st_mtime_ns
        assert python_with(folder / "requirements.txt", cache.root) == first
        assert (first.parent.parent / ".made").stat().st_mtime_ns == made

    def test_is_another_one_for_other_requirements_or_other_wheels(self, archive, cache):
        folder = archive("--no-index\n--find-links ./wheels\ncolours\n")
        make_wheel(folder / "wheels", "colours", "1")
        file = folder / "requirements.txt"
        pythons = {python_with(file, cache.root)}
        make_wheel(folder / "wheels", "colours", "2")
        pythons.add(python_with(file, cache.root))
        file.write_text(f"{file.read_text()}colours<2\n")
        pythons.add(python_with(file, cache.root))
        assert len(pythons) == 3

    def test_is_made_by_one_of_several_that_ask_at_once(self, archive, cache):
        folder = archive("--no-index\n--find-links ./wheels\ncolours\n")
        make_wheel(folder / "wheels", "colours", "1")
        found = []
        threads = [
            threading.Thread(
                target=lambda: found.append(python_with(folder / "requirements.txt", cache.root))
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == len(environments(cache)) == 1

    def test_that_was_left_half_made_is_made_anew(self, archive, cache):
        folder = archive("--no-index\n--find-links ./wheels\ncolours\n")
        make_wheel(folder / "wheels", "colours", "1")
        python = python_with(folder / "requirements.txt", cache.root)
        place = python.parent.parent
        (place / ".made").unlink()
        (place / "litter").touch()
        assert python_with(folder / "requirements.txt", cache.root) == python
        assert (place / ".made").exists()
        assert not (place / "litter").exists()

    def test_is_not_made_where_the_program_has_everything(self, archive, cache):
        folder = archive("packaging\nfilelock>=3\n")
        with load(folder, cache) as model:
            assert model.predict("x")["prefix"] == sys.prefix
        assert not (cache.root / "environments").exists()

    def test_is_not_made_unasked(self, archive, cache):
        folder = archive("--no-index\n--find-links ./wheels\ncolours\n")
        make_wheel(folder / "wheels", "colours", "1")
        for isolation in ("archive", "process"):
            with load(folder, cache, isolation) as model:
                assert model.predict("x")["colours"] is None
        assert not (cache.root / "environments").exists()

    def test_is_not_needed_by_an_archive_without_requirements(self, write_folder, cache):
        folder = write_folder({"handler.py": HANDLER})
        with load(folder, cache) as model:
            assert model.predict("x")["prefix"] == sys.prefix


@pytest.fixture
def made(archive, cache):
    """A folder for which an environment was made."""
    folder = archive("--no-index\n--find-links ./wheels\ncolours\n")
    make_wheel(folder / "wheels", "colours", "1")
    load(folder, cache).close()
    return folder


class TestTheCacheOfEnvironments:
    def test_tells_what_is_there(self, made, cache):
        (entry,) = cache.environments()
        assert (entry.kind, entry.archive, entry.in_use) == ("environment", "sources", False)
        assert entry.size_bytes > 1000
        assert (cache.root / "environments" / entry.digest / ".made").exists()
        assert cache.entries() == []

    def test_is_cleared(self, made, cache):
        (entry,) = cache.environments()
        clearing = cache.clear()
        assert (clearing.removed, clearing.kept) == ((entry,), ())
        assert cache.environments() == []
        with load(made, cache) as model:
            assert model.predict("x")["colours"] == ["1", "1"]

    def test_is_cleared_by_name_and_nothing_else_is(self, made, cache, tmp_path):
        with zipfile.ZipFile(tmp_path / "small.mar", "w") as file:
            file.writestr("handler.py", HANDLER)
        with Archive.open(tmp_path / "small.mar") as archive, cache.lease(archive):
            pass
        (entry,) = cache.environments()
        assert cache.clear(entry.digest).removed == (entry,)
        assert len(cache.entries()) == 1

    def test_keeps_what_a_handler_runs_in(self, made, cache):
        with load(made, cache) as model:
            (entry,) = cache.environments()
            assert entry.in_use
            assert cache.clear().kept == (entry,)
            assert model.predict("x")["colours"] == ["1", "1"]
        assert len(cache.clear().removed) == 1

    def test_keeps_what_is_being_made(self, archive, cache):
        environments, making = Environments(cache.root), threading.Event()
        finish = threading.Event()

        def make(folder):
            folder.mkdir()
            making.set()
            assert finish.wait(30)
            return {}

        def lease():
            with ExitStack() as resources:
                environments.lease("key", "sources", make, resources)

        thread = threading.Thread(target=lease)
        thread.start()
        assert making.wait(30)
        try:
            assert cache.environments()[0].in_use
            assert len(cache.clear().kept) == 1
        finally:
            finish.set()
            thread.join()
        assert len(cache.clear().removed) == 1

    def test_shows_the_one_used_last_first(self, made, archive, cache):
        other = archive("--no-index\n--find-links ../sources/wheels\ncolours==1\n", "others")
        load(other, cache).close()
        assert [each.archive for each in cache.environments()] == ["others", "sources"]
        load(made, cache).close()
        assert [each.archive for each in cache.environments()] == ["sources", "others"]

    def test_clears_what_was_left_half_made(self, made, cache):
        (entry,) = cache.environments()
        (cache.root / "environments" / entry.digest / ".made").unlink()
        assert [each.archive for each in cache.environments()] == ["?"]
        assert len(cache.clear().removed) == 1
        assert cache.environments() == []


class TestARequirementThatCannotBeMet:
    def test_is_told_in_the_installers_words(self, archive, cache, tool):
        with pytest.raises(LoadError, match=r"installing requirements\.txt failed") as caught:
            load(archive("--no-index\nno-such-thing==1\n"), cache)
        assert caught.value.phase == "make environment"
        assert caught.value.archive.name == "sources"
        assert "no-such-thing" in str(caught.value).partition("printed:")[2]
        assert environments(cache) == []

    def test_that_breaks_the_library_itself_is_told_too(self, archive, cache):
        folder = archive("--no-index\n--find-links ./wheels\nnumpy==0.1\n")
        make_wheel(folder / "wheels", "numpy", "0.1")
        make_wheel(folder / "wheels", "filelock", "0.1")
        (folder / "requirements.txt").write_text("--no-index\n-f ./wheels\nfilelock==0.1\n")
        with pytest.raises(HandlerLoadError, match="FileLock"):
            load(folder, cache)

    def test_is_no_reason_to_guess_where_there_is_no_installer(self, archive, cache, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda *_: None)
        monkeypatch.setattr(PathFinder, "find_spec", lambda *_: None)
        with pytest.raises(LoadError, match="neither uv nor pip"):
            python_with(archive("no-such-thing") / "requirements.txt", cache.root)
