"""Folders of sources, as they are inside an archive, written for one test each."""

import io
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import ts_sdk
from ts_sdk import Model
from ts_sdk.imports import ArchiveCode

WriteFolder = Callable[..., Path]


@pytest.fixture
def write_folder(tmp_path: Path) -> WriteFolder:
    """Write files (path → text or bytes) into a new folder; returns the folder."""

    def write(files: dict[str, str | bytes], name: str = "sources") -> Path:
        folder = tmp_path / name
        for member, content in files.items():
            path = folder / member
            path.parent.mkdir(parents=True, exist_ok=True)
            data = dedent(content).encode() if isinstance(content, str) else content
            path.write_bytes(data)
        folder.mkdir(exist_ok=True)
        return folder

    return write


@pytest.fixture
def code_of(write_folder: WriteFolder) -> Iterator[Callable[..., ArchiveCode]]:
    """The code of an archive that holds the given files; closed after the test."""
    opened: list[ArchiveCode] = []

    def open_code(files: dict[str, str | bytes], name: str = "sources") -> ArchiveCode:
        code = ArchiveCode(write_folder(files, name), keep_bytecode=False)
        opened.append(code)
        return code

    yield open_code
    for code in opened:
        code.close()


@pytest.fixture
def load_folder(write_folder: WriteFolder) -> Iterator[Callable[..., Model]]:
    """Load a folder of the given files and a manifest; the model is closed after the test.

    Keyword arguments name the files as the manifest does; all others go to `ts_sdk.load`.
    """
    opened: list[Model] = []

    def loading(
        files: dict[str, str | bytes],
        *,
        name: str = "sources",
        handler: str | None = "handler.py",
        serialized_file: str | None = None,
        model_file: str | None = None,
        config: str | None = None,
        **options: Any,
    ) -> Model:
        entry = {
            "modelName": name,
            "modelVersion": "1.0",
            "handler": handler,
            "serializedFile": serialized_file,
            "modelFile": model_file,
            "configFile": "model-config.yaml" if config is not None else None,
        }
        named = {key: value for key, value in entry.items() if value is not None}
        more = {"MAR-INF/MANIFEST.json": json.dumps({"model": named})}
        if config is not None:
            more["model-config.yaml"] = config
        folder = write_folder({**files, **more}, name)
        opened.append(ts_sdk.load(folder, **{"device": "cpu", **options}))
        return opened[-1]

    yield loading
    for model in opened:
        model.close()


@pytest.fixture
def saved() -> Callable[[Any], bytes]:
    """What `torch.save` writes for an object."""
    import torch

    def save(value: Any) -> bytes:
        file = io.BytesIO()
        torch.save(value, file)
        return file.getvalue()

    return save


@pytest.fixture
def script() -> Callable[[Any], Any]:
    """`torch.jit.script` without its deprecation warning, which would be an error here."""
    import torch

    def scripted(module: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.jit.script(module)

    return scripted


@pytest.fixture
def save_scripted() -> Callable[[Any, Path], Path]:
    """Write a scripted module to a file, without the deprecation warning."""

    def save(module: Any, path: Path) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module.save(path)
        return path

    return save
