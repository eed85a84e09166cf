"""Write an archive: plan it, write a draft, publish the draft."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from archiver.destinations.folder import FolderDestination
from archiver.destinations.source_reader import SourceReader
from archiver.destinations.tar_gz import TarGzDestination
from archiver.destinations.zip import ZipDestination
from archiver.errors import PackError, TargetExistsError
from archiver.names import MANIFEST_NAME, RECORD_NAME
from archiver.packed import PackedMember, PackResult
from archiver.plan import ArchiveFormat, PackPlan, PackRequest
from archiver.planning.planner import make_plan
from archiver.publishing.draft import clear_litter, draft_beside
from archiver.publishing.publication import publish
from archiver.record import RecordEntry, render_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archiver.destinations.destination import Destination
    from archiver.manifest import Runtime

StrPath: TypeAlias = "str | os.PathLike[str]"


def pack(  # noqa: PLR0913 -- one argument for each flag of the command, by name only
    *,
    model_name: str,
    version: str,
    handler: StrPath,
    serialized_file: StrPath | None = None,
    model_file: StrPath | None = None,
    extra_files: StrPath | Iterable[StrPath] = (),
    requirements_file: StrPath | None = None,
    config_file: StrPath | None = None,
    runtime: Runtime = "python",
    export_path: StrPath = ".",
    archive_format: ArchiveFormat = "default",
    force: bool = False,
    keep_paths: bool = False,
    samples: StrPath | Iterable[StrPath] = (),
    profiles: StrPath | Iterable[StrPath] = (),
) -> PackResult:
    """Pack a model with its handler.

    On any error what is under the target's name stays as it was, and nothing is left beside it.

    Args:
        model_name: What the model is called; the archive's name without its suffix.
        version: The model's version, any text.
        handler: A built-in handler's name, ``file.py`` or ``file.py:name``.
        serialized_file: The weights: a state dict, safetensors, TorchScript, ONNX, ….
        model_file: The Python file that defines the model's class, for a state dict.
        extra_files: Files, folders and patterns, each perhaps followed by ``=dest``. Text may hold
            several with commas between them; a path is taken literally.
        requirements_file: The Python packages that the handler needs.
        config_file: The model's settings, a YAML mapping.
        runtime: What runs the handler.
        export_path: The folder for the archive, created when missing.
        archive_format: ``default`` for a ``.mar``, ``zip-store`` for one without compression,
            ``tgz`` for a ``.tar.gz``, ``no-archive`` for a folder.
        force: Whether an existing archive of that name is replaced.
        keep_paths: Whether extra files keep the folders that they are given with.
        samples: Requests to be kept below ``MAR-INF/samples/``: files, stored requests, and folders
            of both.
        profiles: What `mar tune` found on a machine, to be kept below ``MAR-INF/tuned/``: its file
            ``profile.json``, or one for each of several machines.

    Returns:
        What was written.

    Raises:
        PackError: Something is wrong with what was asked for; all problems are listed.
        TargetExistsError: There is something under the archive's name that may not be replaced.
    """
    try:
        plan = plan_pack(
            model_name=model_name,
            version=version,
            handler=handler,
            serialized_file=serialized_file,
            model_file=model_file,
            extra_files=extra_files,
            requirements_file=requirements_file,
            config_file=config_file,
            runtime=runtime,
            export_path=export_path,
            archive_format=archive_format,
            force=force,
            keep_paths=keep_paths,
            samples=samples,
            profiles=profiles,
        )
    except TargetExistsError as error:
        # A process that was killed when it had published it may have left its draft.
        clear_litter(error.path)
        raise
    return write(plan)


def plan_pack(  # noqa: PLR0913 -- the arguments of `pack`
    *,
    model_name: str,
    version: str,
    handler: StrPath,
    serialized_file: StrPath | None = None,
    model_file: StrPath | None = None,
    extra_files: StrPath | Iterable[StrPath] = (),
    requirements_file: StrPath | None = None,
    config_file: StrPath | None = None,
    runtime: Runtime = "python",
    export_path: StrPath = ".",
    archive_format: ArchiveFormat = "default",
    force: bool = False,
    keep_paths: bool = False,
    samples: StrPath | Iterable[StrPath] = (),
    profiles: StrPath | Iterable[StrPath] = (),
) -> PackPlan:
    """Say what `pack` would do, with the same arguments, and write nothing.

    Returns:
        The members that the archive would have, and its manifest.

    Raises:
        PackError: Something is wrong with what was asked for; all problems are listed.
        TargetExistsError: There is something under the archive's name that may not be replaced.
    """
    return make_plan(
        PackRequest(
            model_name=model_name,
            version=version,
            handler=os.fspath(handler),
            serialized_file=_path(serialized_file),
            model_file=_path(model_file),
            extra_files=_entries(extra_files),
            requirements_file=_path(requirements_file),
            config_file=_path(config_file),
            runtime=runtime,
            export_path=Path(export_path),
            archive_format=archive_format,
            force=force,
            keep_paths=keep_paths,
            samples=tuple(Path(path) for path in _entries(samples)),
            profiles=tuple(Path(path) for path in _entries(profiles)),
        )
    )


def write(plan: PackPlan) -> PackResult:
    """Write what was planned.

    Raises:
        PackError: A source changed since, or the target cannot be written.
        TargetExistsError: Something came under the target's name that may not be replaced.
    """
    is_folder = plan.makes_folder
    try:
        plan.target.parent.mkdir(parents=True, exist_ok=True)
        clear_litter(plan.target)
        with draft_beside(plan.target, is_folder=is_folder) as draft:
            members = _write_draft(plan, draft)
            size = sum(member.size for member in members) if is_folder else draft.stat().st_size
            publish(draft, plan.target, is_folder=is_folder, force=plan.force)
    except OSError as error:
        # Its text names the draft, which means nothing to whoever packs.
        reason = error.strerror or error
        raise PackError([f"{plan.target} could not be written: {reason}"]) from error
    return PackResult(
        plan.target, plan.archive_format, plan.manifest, tuple(members), size, plan.notes
    )


def _write_draft(plan: PackPlan, draft: Path) -> list[PackedMember]:
    """Write all members, MANIFEST.json first and RECORD last; return what they are."""
    with SourceReader() as reader, contextlib.closing(_open(plan, draft, reader)) as destination:
        members = []
        if not plan.has_manifest_file:
            members.append(_add_text(destination, MANIFEST_NAME, plan.manifest.to_json()))
        for planned in plan.members:
            sha256 = destination.add(planned)
            members.append(PackedMember(planned.name, planned.source, planned.size, sha256))
        record = render_record(
            RecordEntry(member.name, member.size, member.sha256) for member in members
        )
        members.append(_add_text(destination, RECORD_NAME, record))
        destination.finish()
    return members


def _open(plan: PackPlan, draft: Path, reader: SourceReader) -> Destination:
    """Open the draft as what it is going to be."""
    match plan.archive_format:
        case "no-archive":
            return FolderDestination(draft, reader)
        case "tgz":
            folder = plan.manifest.model.model_name
            return TarGzDestination(draft, reader, plan.timestamp, folder=folder)
        case "default" | "zip-store" as word:
            return ZipDestination(draft, reader, plan.timestamp, deflate_texts=word == "default")


def _add_text(destination: Destination, name: str, text: str) -> PackedMember:
    """Add one of the archive's own texts."""
    destination.add_text(name, text)
    data = text.encode()
    return PackedMember(name, None, len(data), hashlib.sha256(data).hexdigest())


def _path(path: StrPath | None) -> Path | None:
    """Return a path; empty text stands for none, as scripts give it."""
    return Path(path) if path else None


def _entries(given: StrPath | Iterable[StrPath]) -> tuple[StrPath, ...]:
    """Return the arguments of a flag that may be repeated; one alone needs no list."""
    return (given,) if isinstance(given, str | os.PathLike) else tuple(given)
