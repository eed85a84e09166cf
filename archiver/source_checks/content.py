"""All checks of what is in the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.planning.handler_choice import SPECIAL_HANDLERS
from archiver.source_checks.config_file import read_config
from archiver.source_checks.handler import handler_problems
from archiver.source_checks.model_file import model_file_problems
from archiver.source_checks.requirements import requirements_problems
from archiver.source_checks.transformers_config import HANDLER, holds_transformers_model
from archiver.source_checks.weights import (
    is_saved_by_torch,
    weights_alone_problems,
    weights_problems,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from archiver.plan import PackRequest
    from archiver.planning.handler_choice import HandlerChoice

# Settings of model-config.yaml with which handlers find a model that the archive does not hold.
_MODEL_SETTINGS = ("model", "model_path", "model_name", "model_id")


def content_problems(
    request: PackRequest, handler: HandlerChoice, readable: Collection[Path]
) -> list[str]:
    """Say what is wrong inside the sources, without running any of it.

    Args:
        request: What was asked for.
        handler: The handler that it names.
        readable: The files that exist and can be read; the others are passed over.
    """

    def readable_one(path: Path | None) -> Path | None:
        return path if path in readable else None

    problems: list[str] = []
    if (path := readable_one(handler.path)) and request.runtime != "LSP":
        problems.extend(handler_problems(path, handler.entry_point))
    if path := readable_one(request.serialized_file):
        problems.extend(weights_problems(path, built_in_handler=handler.is_built_in))
        if _needs_model_file(request, handler, readable):
            problems.extend(weights_alone_problems(path))
    if path := readable_one(request.model_file):
        problems.extend(model_file_problems(path))
    if path := readable_one(request.requirements_file):
        problems.extend(requirements_problems(path))
    config: Mapping[object, object] = {}
    if path := readable_one(request.config_file):
        config, config_problems = read_config(path)
        problems.extend(config_problems)
    if _needs_model_file(request, handler, readable):
        problems.extend(_no_model_problems(request, handler, config))
    return problems


def content_notes(
    request: PackRequest, handler: HandlerChoice, readable: Collection[Path]
) -> list[str]:
    """Say what whoever packs these sources should know although it is no problem.

    Args:
        request: What was asked for.
        handler: The handler that it names.
        readable: The files that exist and can be read; the others are passed over.
    """
    path = request.serialized_file
    alone = path is not None and _needs_model_file(request, handler, readable)
    if path is None or not alone or path not in readable or not is_saved_by_torch(path):
        return []
    note = (
        f"{path.name} is no TorchScript, and there is no --model-file: it loads only if a whole "
        "module was saved in it, and only where pickles are trusted"
    )
    return [note]


def _needs_model_file(
    request: PackRequest, handler: HandlerChoice, readable: Collection[Path]
) -> bool:
    """Tell whether a built-in handler would miss the module that weights belong to."""
    if not handler.is_built_in or request.model_file is not None:
        return False
    return handler.manifest_name != HANDLER or not holds_transformers_model(readable)


def _no_model_problems(
    request: PackRequest, handler: HandlerChoice, config: Mapping[object, object]
) -> list[str]:
    """Say that a built-in handler would have nothing to run."""
    if handler.manifest_name in SPECIAL_HANDLERS or request.serialized_file:
        return []
    settings = config.get("handler")
    if isinstance(settings, dict) and any(setting in settings for setting in _MODEL_SETTINGS):
        return []
    problem = (
        f"there is no model: the built-in handler {handler.manifest_name} needs a serialized file "
        "(--serialized-file), a model file (--model-file), or both"
    )
    return [problem]
