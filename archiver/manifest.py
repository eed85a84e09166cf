"""MAR-INF/MANIFEST.json: what is in the archive and how it is started.

The keys are TorchServe's. Keys that are not known here are kept, so that reading a manifest and
writing it again loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeGuard, get_args

from archiver.errors import ManifestError
from archiver.names import unsafe_name_problem

if TYPE_CHECKING:
    import os

Runtime = Literal["python", "python3", "LSP"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)

_TOP_KEYS = {
    "createdOn": "created_on",
    "archiverVersion": "archiver_version",
    "description": "description",
}
_MODEL_KEYS = {
    "modelName": "model_name",
    "modelVersion": "model_version",
    "handler": "handler",
    "serializedFile": "serialized_file",
    "modelFile": "model_file",
    "requirementsFile": "requirements_file",
    "configFile": "config_file",
    "envelope": "envelope",
}
# The values that become paths when the archive is unpacked.
_NAMING_KEYS = (
    "modelName",
    "serializedFile",
    "modelFile",
    "handler",
    "requirementsFile",
    "configFile",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """The ``model`` part of a manifest.

    Attributes:
        model_name: What the model is called.
        model_version: Its version, any text.
        handler: A built-in handler's name, ``file.py`` or ``file.py:entry_point``.
        serialized_file: The member that holds the weights.
        model_file: The member that defines the model's class.
        requirements_file: The member that lists the Python packages that it needs.
        config_file: The member that holds model-config.yaml.
        envelope: The request envelope that it expects.
        extensions: Free-form settings of other tools.
        unknown: All other keys, as they were read.
    """

    model_name: str
    model_version: str | None = None
    handler: str | None = None
    serialized_file: str | None = None
    model_file: str | None = None
    requirements_file: str | None = None
    config_file: str | None = None
    envelope: str | None = None
    extensions: Mapping[str, object] | None = None
    unknown: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An archive's manifest.

    Attributes:
        model: The model and the members that it is made of.
        runtime: What runs the handler.
        archiver_version: The version of the tool that packed the archive.
        created_on: When it was packed, free text.
        description: What it is, free text.
        unknown: All other keys, as they were read.
    """

    model: ModelEntry
    runtime: Runtime = "python"
    archiver_version: str | None = None
    created_on: str | None = None
    description: str | None = None
    unknown: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_json(
        cls, data: bytes | str, *, path: str | os.PathLike[str] | None = None
    ) -> Manifest:
        """Read a manifest.

        Args:
            data: The content of MANIFEST.json.
            path: The archive that it comes from, for the error message.

        Raises:
            ManifestError: It is no JSON object, or a value has the wrong type or names a file
                outside the archive; every such problem is listed.
        """
        try:
            text = data if isinstance(data, str) else data.decode("utf-8-sig")
            document: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ManifestError(path, [f"it is not JSON: {error}"]) from error
        if not _is_object(document):
            raise ManifestError(path, [f"it is {_kind(document)} instead of an object"])
        return cls.from_dict(document, path=path)

    @classmethod
    def from_dict(
        cls, document: Mapping[str, object], *, path: str | os.PathLike[str] | None = None
    ) -> Manifest:
        """Make a manifest of the object that MANIFEST.json holds.

        Args:
            document: The object, with TorchServe's keys.
            path: The archive that it comes from, for the error message.

        Raises:
            ManifestError: A value is missing, has the wrong type or names a file outside the
                archive; every such problem is listed.
        """
        problems: list[str] = []
        texts = _texts(document, _TOP_KEYS, problems)
        runtime = _runtime(document.get("runtime"), problems)
        model = _model(document.get("model"), problems)
        if problems or model is None:
            raise ManifestError(path, problems)
        known = {*_TOP_KEYS, "runtime", "model"}
        return cls(model=model, runtime=runtime, unknown=_others(document, known), **texts)

    def to_dict(self) -> dict[str, object]:
        """Return the object that MANIFEST.json holds, with TorchServe's keys."""
        model = _present({key: getattr(self.model, name) for key, name in _MODEL_KEYS.items()})
        if self.model.extensions is not None:
            model["extensions"] = dict(self.model.extensions)
        top = _present({key: getattr(self, name) for key, name in _TOP_KEYS.items()})
        return {
            **top,
            "runtime": self.runtime,
            "model": {**model, **self.model.unknown},
            **self.unknown,
        }

    def to_json(self) -> str:
        """Return the text of MANIFEST.json.

        It is plain ASCII, because TorchServe reads it in whatever encoding its locale has.
        """
        return json.dumps(self.to_dict(), indent=2) + "\n"


def _model(value: object, problems: list[str]) -> ModelEntry | None:
    """Read the ``model`` object, or add what is wrong with it to *problems*."""
    if value is None:
        problems.append("it has no 'model'")
        return None
    if not _is_object(value):
        problems.append(f"'model' is {_kind(value)} instead of an object")
        return None
    texts = _texts(value, _MODEL_KEYS, problems, prefix="model.")
    problems.extend(_name_problems(value, texts))
    extensions = value.get("extensions")
    if extensions is not None and not _is_object(extensions):
        problems.append(f"'model.extensions' is {_kind(extensions)} instead of an object")
        return None
    model_name = texts.pop("model_name", None)
    if model_name is None:
        return None
    unknown = _others(value, {*_MODEL_KEYS, "extensions"})
    return ModelEntry(model_name=model_name, extensions=extensions, unknown=unknown, **texts)


def _name_problems(value: Mapping[str, object], texts: Mapping[str, str]) -> list[str]:
    """Say which of the model's names may not be.

    The model's own name may be odd here: only what is written has to obey the narrow rule.
    """
    problems = [] if value.get("modelName") else ["'model.modelName' is missing"]
    named = {key: texts[_MODEL_KEYS[key]] for key in _NAMING_KEYS if _MODEL_KEYS[key] in texts}
    if "handler" in named:
        named["handler"] = named["handler"].partition(":")[0]
    for key, name in named.items():
        problem = unsafe_name_problem(name)
        if problem is not None:
            problems.append(f"'model.{key}': {problem}")
    return problems


def _texts(
    value: Mapping[str, object], keys: Mapping[str, str], problems: list[str], prefix: str = ""
) -> dict[str, str]:
    """Read the values that are text, by attribute; what is null or empty is left out."""
    texts: dict[str, str] = {}
    for key, attribute in keys.items():
        text = value.get(key)
        if isinstance(text, int | float) and not isinstance(text, bool) and key in _NUMBERS_TOO:
            text = str(text)
        if text is None or text == "":
            continue
        if isinstance(text, str):
            texts[attribute] = text
        else:
            problems.append(f"'{prefix}{key}' is {_kind(text)} instead of text")
    return texts


# Hand-written manifests say `"modelVersion": 1.0`, and TorchServe's reader takes it.
_NUMBERS_TOO = frozenset({"modelVersion", "archiverVersion"})


def _runtime(value: object, problems: list[str]) -> Runtime:
    """Read the runtime; TorchServe's own default stands for one that is missing."""
    for runtime in RUNTIMES:
        if value == runtime:
            return runtime
    if value is not None:
        problems.append(f"'runtime' is {value!r} instead of one of {', '.join(RUNTIMES)}")
    return "python"


def _present(values: Mapping[str, object]) -> dict[str, object]:
    """Leave out what is not set."""
    return {key: value for key, value in values.items() if value is not None}


def _others(value: Mapping[str, object], known: set[str]) -> dict[str, object]:
    """Return the keys that are not known."""
    return {key: item for key, item in value.items() if key not in known}


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    """Tell whether a JSON value is an object."""
    return isinstance(value, Mapping)


def _kind(value: object) -> str:
    """Name a JSON value's type as people do."""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return "null" if value is None else kinds.get(type(value), "an object")
