"""What ``--handler`` stands for: a built-in handler, or a file and what in it is called."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.nearest import nearest_name

if TYPE_CHECKING:
    from archiver.manifest import Runtime

BUILT_IN_HANDLERS = (
    "base_handler",
    "image_classifier",
    "image_segmenter",
    "object_detector",
    "text_classifier",
)
# TorchServe has these too. They run in few places, but naming one in an archive is no mistake.
SPECIAL_HANDLERS = {
    "dali_image_classifier": "NVIDIA DALI and an NVIDIA GPU",
    "trt_llm_handler": "TensorRT-LLM and an NVIDIA GPU",
    "vllm_handler": "vLLM and a GPU that it supports",
}
_LSP_BUILT_IN = ("BaseHandler", "TorchScriptHandler")


@dataclass(frozen=True, slots=True)
class HandlerChoice:
    """The handler that was asked for.

    Attributes:
        manifest_name: How the manifest names it.
        path: Its file; None for a built-in one.
        entry_point: What in the file is called, when that was said.
        note: What whoever packs it should know.
        problem: Why there is no such handler.
    """

    manifest_name: str
    path: Path | None = None
    entry_point: str | None = None
    note: str | None = None
    problem: str | None = None

    @property
    def is_built_in(self) -> bool:
        """Whether whatever runs the archive brings it along."""
        return self.path is None and self.problem is None


def choose_handler(text: str, runtime: Runtime) -> HandlerChoice:
    """Find out which handler is meant.

    Args:
        text: What was given: a built-in name, ``file.py``, ``file.py:name`` or ``file:name``.
        runtime: What runs it; for ``LSP`` the file is a library, not Python.
    """
    text = text.strip()
    if not text:
        problem = "the handler is empty: give the name of a built-in one, or a file"
        return HandlerChoice(text, problem=problem)
    if text in (_LSP_BUILT_IN if runtime == "LSP" else BUILT_IN_HANDLERS):
        return HandlerChoice(text)
    if text in SPECIAL_HANDLERS:
        note = f"{text} comes with TorchServe only, and needs {SPECIAL_HANDLERS[text]} to run"
        return HandlerChoice(text, note=note)

    file, entry_point = _split(text)
    suffix = _suffix(runtime)
    for path in (Path(file), Path(file + suffix)):
        if path.suffix == suffix and path.exists():
            manifest_name = Path(file).name + (f":{entry_point}" if entry_point else "")
            unusable = _module_name_problem(path) if suffix == ".py" else None
            return HandlerChoice(manifest_name, path, entry_point, problem=unusable)
    return HandlerChoice(text, problem=_not_found(file, suffix))


def _split(text: str) -> tuple[str, str | None]:
    """Part the file from the entry point; a colon in a file's name or a drive parts nothing."""
    if Path(text).exists():
        return text, None
    file, colon, entry_point = text.rpartition(":")
    if colon and file and entry_point.isidentifier():
        return file, entry_point
    return text, None


def _suffix(runtime: Runtime) -> str:
    """Return what the name of a handler's file ends with."""
    if runtime != "LSP":
        return ".py"
    return ".dylib" if sys.platform == "darwin" else ".so"


def _not_found(file: str, suffix: str) -> str:
    """Say that there is no such handler, and which one was probably meant."""
    if Path(file).is_file():
        return f"the handler {file} is no {suffix} file"
    if Path(file).suffix == suffix or Path(file).name != file:
        return f"the handler {file} does not exist"
    known = sorted({*BUILT_IN_HANDLERS, *SPECIAL_HANDLERS})
    nearest = nearest_name(file, known)
    meant = f"did you mean {nearest!r}?" if nearest else f"built in are {', '.join(known)}"
    return f"the handler {file!r} is not built in, and there is no file {file}{suffix}; {meant}"


def _module_name_problem(path: Path) -> str | None:
    """Say why a file cannot be imported by its name, or None."""
    if "." not in path.stem:
        return None
    return (
        f"the handler {path} cannot be imported, because Python reads the dots in "
        f"{path.stem!r} as folders; rename it"
    )
