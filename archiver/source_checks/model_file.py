"""Does the model file define the one ``nn.Module`` that is built from it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from archiver.outline import is_plain
from archiver.source_checks.python_source import parse

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.outline import Outline

_NOT_MODULES = frozenset({"Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"})
_OTHER_TORCH = (
    "torch.Tensor",
    "torch.autograd.",
    "torch.distributions.",
    "torch.optim.",
    "torch.utils.data.",
)


def model_file_problems(path: Path) -> list[str]:
    """Say why a model file does not define exactly one ``nn.Module``.

    Its classes are judged by their bases. What only running the file could tell is let through:
    a base class imported from elsewhere may or may not be an ``nn.Module``.

    Args:
        path: The model file, which exists.
    """
    outline, problems = parse(path, "model file")
    if outline is None:
        return problems
    verdicts = {name: _is_module(outline, name) for name in outline.classes}
    modules = [name for name, verdict in verdicts.items() if verdict == "yes"]
    if len(modules) > 1:
        places = ", ".join(f"{name} (line {outline.classes[name].line})" for name in modules)
        problem = (
            f"the model file {path} defines {len(modules)} nn.Module classes: {places}; keep the "
            "model there and move the others to a file of their own that it imports, given with "
            "--extra-files; a handler that builds the model itself needs no --model-file"
        )
        return [problem]
    if modules or "maybe" in verdicts.values() or outline.may_have_more_classes:
        return []
    others = f"; its classes are {', '.join(verdicts)}" if verdicts else ""
    return [f"the model file {path} defines no nn.Module class{others}"]


def module_classes(outline: Outline) -> list[str]:
    """Return the classes that are an ``nn.Module``; when none surely is, those that may be."""
    verdicts = {name: _is_module(outline, name) for name in outline.classes}
    sure = [name for name, verdict in verdicts.items() if verdict == "yes"]
    return sure or [name for name, verdict in verdicts.items() if verdict == "maybe"]


def _is_module(outline: Outline, name: str) -> Literal["yes", "no", "maybe"]:
    """Judge a class by the bases that it has from elsewhere."""
    bases = outline.foreign_bases(name)
    if any(_is_torch_module(base) for base in bases):
        return "yes"
    if all(is_plain(base) or base.startswith(_OTHER_TORCH) for base in bases):
        return "no"
    return "maybe"


def _is_torch_module(base: str) -> bool:
    """Recognise the classes of ``torch.nn``, by whichever way they were imported."""
    if base in {"torch.jit.ScriptModule", "torch.nn.modules.module.Module"}:
        return True
    package, _, name = base.rpartition(".")
    return package == "torch.nn" and name[:1].isupper() and name not in _NOT_MODULES
