"""Archives for the doctor: each is written for one test, and its findings are asked for."""

import io
import sys
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from archives import MANIFEST, make_mar, manifest_of

from ts_sdk.doctor import Finding, Report, examine

Examined = Callable[..., Report]
Found = Callable[..., list[Finding]]


@pytest.fixture
def examined(tmp_path: Path) -> Examined:
    """The report on an archive of the given files; keywords go into the manifest."""

    def examine_files(files: dict[str, str | bytes], **model: object) -> Report:
        contents = {
            name: dedent(content).encode() if isinstance(content, str) else content
            for name, content in files.items()
        }
        manifest = {"handler": "handler.py", **model}
        path = tmp_path / "cat.mar"
        return examine(make_mar(path, {**contents, MANIFEST: manifest_of(**manifest)}))

    return examine_files


@pytest.fixture
def found(examined: Examined) -> Found:
    """What one check finds in an archive of the given files."""

    def find(check: str, files: dict[str, str | bytes], **model: object) -> list[Finding]:
        return [each for each in examined(files, **model).findings if each.check == check]

    return find


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a package of this name and version, which writes a file when it is imported."""
    from ts_sdk.doctor import environment

    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)

    def forget() -> None:
        environment.has_module.cache_clear()
        environment.version_of.cache_clear()

    def put(name: str, version: str = "1.0") -> None:
        package = site / name
        package.mkdir(parents=True)
        marker = tmp_path / "imported"
        (package / "__init__.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        forget()

    yield put
    forget()


@pytest.fixture
def pickled_class(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], type]:
    """A class that pickles as the given ``module.Name``, which is importable for the test."""

    def make(full: str) -> type:
        module, _, name = full.rpartition(".")
        made = type(name, (), {"__module__": module})
        parts = module.split(".")
        for count in range(1, len(parts) + 1):
            path = ".".join(parts[:count])
            if path not in sys.modules:
                monkeypatch.setitem(sys.modules, path, types.ModuleType(path))
        monkeypatch.setattr(sys.modules[module], name, made, raising=False)
        return made

    return make


@pytest.fixture
def zipped() -> Callable[[dict[str, bytes]], bytes]:
    """A zip of the given files, in memory."""

    def make(files: dict[str, bytes]) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return file.getvalue()

    return make
