"""`load_handler`: a model made of a handler's class and its files, with no archive packed."""

import copy
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver import DEFAULT_LIMITS
from ts_sdk.errors import HandlerLoadError, LoadError
from ts_sdk.loader import start_archive
from ts_sdk.starting import NOTHING_GIVEN, Given, Isolation, LoadOptions

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from ts_sdk.model import Model

Handler = type | Callable[..., Any] | str | os.PathLike[str]
"""A class, a function ``handle(data, context)``, a handler's file, or a built-in handler's name."""

_CONFIG = "model-config.yaml"
_MANIFEST = "MAR-INF/MANIFEST.json"


def load_handler(  # noqa: PLR0913 - options given by name
    handler: Handler,
    *,
    model: "nn.Module | ExportedProgram | str | os.PathLike[str] | None" = None,
    model_file: str | os.PathLike[str] | None = None,
    files: Mapping[str, object] | None = None,
    config: Mapping[str, object] | None = None,
    name: str | None = None,
    device: str | None = None,
    precision: str | None = None,
    keep_float32: Sequence[str] | None = None,
    trust_pickle: bool = False,
    isolation: Isolation = "archive",
    envelope: str | None = None,
) -> "Model":
    """Start a handler in this process with a model and files of your own; nothing is packed.

    Args:
        handler: The handler's class, a function ``handle(data, context)``, the path of a handler's
            file, or the name of a built-in handler.
        model: The model. A module is given to `BaseHandler.initialize`, a copy each time; scripted
            modules and exported programs are written to a file, as handlers expect to find them; a
            path is the serialized file.
        model_file: The file with the model's class, for a *model* that is a state dict's path.
        files: Name → content of further files: a path that is copied, bytes, text, or any JSON
            value.
        config: What `model-config.yaml` says.
        name: The model's name; None takes the handler's.
        device: As for `ts_sdk.load`; so are the others.
        precision: What the model computes in.
        keep_float32: Layers that compute in float32 all the same.
        trust_pickle: Whether a full pickle may be read.
        isolation: Where a handler's file runs; a class of this program runs in this process.
        envelope: The request envelope.

    Returns:
        The model, to be closed after use: its files are removed then.

    Raises:
        LoadError: The handler cannot be started, or has no use for *model*.
        DeviceUnavailableError: *device* is not there.
        PrecisionError: The model cannot run in *precision*.
        TypeError: *handler* is none of these.
    """
    if not (isinstance(handler, str | os.PathLike) or callable(handler)):
        raise TypeError(
            "handler must be a class, a function, a handler's file or a built-in handler's name, "
            f"not {'None' if handler is None else f'an object of {type(handler).__name__}'}"
        )
    options = LoadOptions(
        device,
        precision,
        None if keep_float32 is None else tuple(keep_float32),
        trust_pickle,
        isolation,
        envelope,
        response_timeout_s=None,
        startup_timeout_s=None,
        cache=None,
        limits=DEFAULT_LIMITS,
    )
    with ExitStack() as resources:
        folder = Path(tempfile.mkdtemp(prefix="ts-sdk-handler-"))
        resources.callback(shutil.rmtree, folder, ignore_errors=True)
        sources = HandlerSources(handler, model, model_file, files or {}, config, name)
        sources.write(folder)
        return sources.start(folder, options, resources)


@dataclass(frozen=True)
class HandlerSources:
    """What `load_handler` makes a folder of; the attributes are its arguments."""

    handler: Handler
    model: object
    model_file: str | os.PathLike[str] | None
    files: Mapping[str, object]
    config: Mapping[str, object] | None
    name: str | None

    def write(self, folder: Path) -> None:
        """Write what a packed archive of these would be unpacked to."""
        entry = {
            "modelName": self.name or _name_of(self.handler),
            "modelVersion": "1.0",
            "handler": _handler_entry(self.handler, folder),
            "serializedFile": _write_model(self.model, folder),
            "modelFile": None if self.model_file is None else _copied(self.model_file, folder),
            "configFile": None if self.config is None else _CONFIG,
        }
        if self.config is not None:
            _write(folder / _CONFIG, self.config)  # YAML reads JSON
        for name, content in self.files.items():
            _write(_below(folder, name), content)
        present = {key: value for key, value in entry.items() if value is not None}
        _write(folder / _MANIFEST, {"runtime": "python", "model": present})

    def start(self, folder: Path, options: LoadOptions, resources: ExitStack) -> "Model":
        """Start the handler with what was written to *folder*."""
        taken: list[bool] = []

        def give_module() -> object:
            taken.append(True)
            return copy.deepcopy(self.model)

        is_live = _is_live(self.model)
        given = Given(
            None if isinstance(self.handler, str | os.PathLike) else self.handler,
            give_module if is_live else None,
        )
        if options.isolation != "archive" and given != NOTHING_GIVEN:
            raise ValueError(
                f"isolation={options.isolation!r} takes a handler's file or name and a model's "
                "file: classes and modules of this program stay in its process"
            )
        try:
            model = start_archive(folder, options, resources, given)
        except LoadError as error:
            error.archive = Path(_name_of(self.handler))  # nobody knows the folder's name
            self._note_paths_given_as_text(error)
            raise
        if is_live and not taken:
            model.close()
            raise HandlerLoadError(
                f"{_name_of(self.handler)} does not take the module that was given as model=: its "
                "initialize() does not call BaseHandler.initialize(). Give the files that it "
                "reads, as in files={'model.pt': path}",
                phase="initialize",
            )
        return model

    def _note_paths_given_as_text(self, error: LoadError) -> None:
        """Add a note to *error* for each text among the files that is the path of a file."""
        for name, content in self.files.items():
            if isinstance(content, str) and os.path.isfile(content):  # noqa: PTH113 - false where Path raises
                error.add_note(
                    f"files: {name!r} holds the text {content!r}; to copy that file, give "
                    f"pathlib.Path({content!r})"
                )


def _name_of(handler: Handler) -> str:
    if isinstance(handler, str | os.PathLike):
        return Path(os.fspath(handler).partition(":")[0]).stem
    return getattr(handler, "__name__", type(handler).__name__)


def _handler_entry(handler: Handler, folder: Path) -> str:
    """The manifest's entry; the file of a handler that has one is copied."""
    if not isinstance(handler, str | os.PathLike):
        return "handler.py"  # which is never looked for
    file, colon, attribute = os.fspath(handler).partition(":")
    if file.endswith(".py"):
        return f"{_copied(file, folder)}{colon}{attribute}"
    return os.fspath(handler)


def _is_live(model: object) -> bool:
    """Whether *model* is a module that is given as it is."""
    if model is None or isinstance(model, str | os.PathLike):
        return False
    import torch

    return isinstance(model, torch.nn.Module) and not isinstance(model, torch.jit.ScriptModule)


def _write_model(model: object, folder: Path) -> str | None:
    """Write *model* where handlers look for it; the name of its file, None when there is none."""
    if isinstance(model, str | os.PathLike):
        return _copied(model, folder)
    if model is None or _is_live(model):
        return None
    import torch

    if isinstance(model, torch.jit.ScriptModule):
        model.save(str(folder / "model.pt"))
        return "model.pt"
    if isinstance(model, torch.export.ExportedProgram):
        torch.export.save(model, folder / "model.pt2")
        return "model.pt2"
    raise TypeError(
        "model must be a torch.nn.Module, a scripted module, an exported program or the path of a "
        f"serialized file, not {type(model).__name__}"
    )


def _copied(given: str | os.PathLike[str], folder: Path) -> str:
    source = Path(given)
    shutil.copy(source, folder / source.name)
    return source.name


def _below(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"files: {name!r} lies outside of the model's folder; give a name in it")
    return path


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, os.PathLike):
        shutil.copy(content, path)
    elif isinstance(content, bytes | bytearray | memoryview):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
