"""Make a plan of what was asked for, or say everything that is wrong with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archiver.errors import PackError, TargetExistsError
from archiver.manifest import RUNTIMES, Manifest, ModelEntry
from archiver.names import model_name_problem
from archiver.plan import ARCHIVE_FORMATS, FileState, PackPlan, PackRequest, PlannedMember
from archiver.planning.extra_files import ExtraFiles
from archiver.planning.handler_choice import choose_handler
from archiver.planning.named_file import NamedFile, naming_problems, without_repetitions
from archiver.planning.profile_files import ProfileFiles
from archiver.planning.sample_files import SampleFiles
from archiver.planning.timestamp import created_on, member_timestamp, source_date_epoch
from archiver.planning.version import archiver_version
from archiver.publishing.draft import is_draft_of
from archiver.publishing.replacement import refusal
from archiver.source_checks.content import content_notes, content_problems
from archiver.source_checks.readable import unreadable_problem
from archiver.text import HEAD_SIZE, is_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from archiver.planning.handler_choice import HandlerChoice

_WEIGHTS = "serialized file"


def make_plan(request: PackRequest) -> PackPlan:
    """Decide which file becomes which member.

    Nothing is written, and no code of the model is run.

    Raises:
        PackError: Something is wrong; its ``problems`` are all that was found.
        TargetExistsError: All is well but for the target, which is there already.
    """
    problems = list(_setting_problems(request))
    epoch = _epoch(problems)
    handler = choose_handler(request.handler, request.runtime)
    if handler.problem is not None:
        problems.append(handler.problem)
    files = _files(request, handler, problems)
    members = list(_readable_members(files, request, problems))
    problems.extend(naming_problems(files))
    readable = {member.source for member in members}
    problems.extend(content_problems(request, handler, readable))
    _refuse(request, problems)
    notes = [] if handler.note is None else [handler.note]
    return PackPlan(
        target=request.target,
        archive_format=request.archive_format,
        force=request.force,
        manifest=_manifest(request, handler, epoch),
        members=tuple(sorted(members, key=lambda member: member.name)),
        timestamp=member_timestamp(epoch),
        notes=(*notes, *content_notes(request, handler, readable)),
    )


def _setting_problems(request: PackRequest) -> Iterator[str]:
    """Say which settings, apart from files, are wrong."""
    problem = model_name_problem(request.model_name)
    if problem is not None:
        yield problem
    if not request.version.strip():
        yield "the version is empty: give --version (version)"
    if request.runtime not in RUNTIMES:
        yield f"the runtime {request.runtime!r} is none of {', '.join(RUNTIMES)}"
    if request.archive_format not in ARCHIVE_FORMATS:
        formats = ", ".join(ARCHIVE_FORMATS)
        yield f"the archive format {request.archive_format!r} is none of {formats}"
    ancestor = request.export_path
    while not ancestor.exists() and ancestor != ancestor.parent:
        ancestor = ancestor.parent
    if not ancestor.is_dir():
        yield f"the export path {request.export_path} cannot be a folder: {ancestor} is none"
    elif not os.access(ancestor, os.W_OK | os.X_OK):
        yield f"the export path {request.export_path} cannot be written to: permission denied"


def _epoch(problems: list[str]) -> int | None:
    """Return the time that SOURCE_DATE_EPOCH sets."""
    try:
        return source_date_epoch()
    except ValueError as error:
        problems.append(str(error))
        return None


def _files(request: PackRequest, handler: HandlerChoice, problems: list[str]) -> list[NamedFile]:
    """Return all files that were asked for, with the names of the members that they become."""
    given = {
        "handler": handler.path,
        _WEIGHTS: request.serialized_file,
        "model file": request.model_file,
        "requirements file": request.requirements_file,
        "config file": request.config_file,
    }
    files = [NamedFile(path.name, path, role) for role, path in given.items() if path is not None]
    target = _real(request.target)

    def is_output(path: Path) -> bool:
        return target.name in path.name and _is_output(target, _real(path))

    extra = ExtraFiles(keep_paths=request.keep_paths, is_output=is_output)
    for entry in request.extra_files:
        extra.add(entry)
    samples = SampleFiles(is_output)
    for sample in request.samples:
        samples.add(sample)
    profiles = ProfileFiles()
    for profile in request.profiles:
        profiles.add(profile)
    problems.extend((*extra.problems, *samples.problems, *profiles.problems))
    return without_repetitions([*files, *extra.files, *samples.files, *profiles.files])


def _real(path: Path) -> Path:
    """Return a path by which its folder, but not itself, is always called the same."""
    return path.parent.resolve() / path.name


def _is_output(target: Path, path: Path) -> bool:
    """Tell whether a path is the archive itself, or a draft of it."""
    return path == target or is_draft_of(target, path)


def _readable_members(
    files: Sequence[NamedFile], request: PackRequest, problems: list[str]
) -> Iterator[PlannedMember]:
    """Yield the files that can be read, as members."""
    for file in files:
        problem = unreadable_problem(file.path, file.role)
        if problem is not None:
            problems.append(problem)
            continue
        state, head = _look_at(file.path)
        may_deflate = request.archive_format == "default" and file.role != _WEIGHTS
        yield PlannedMember(file.name, file.path, state, may_deflate and is_text(head))


def _look_at(path: Path) -> tuple[FileState, bytes]:
    """Return a file's state and its first bytes."""
    with path.open("rb") as file:
        return FileState.of(os.fstat(file.fileno())), file.read(HEAD_SIZE)


def _refuse(request: PackRequest, problems: list[str]) -> None:
    """Raise the error that tells of all problems, if there are any."""
    reason = None
    if request.archive_format in ARCHIVE_FORMATS and not model_name_problem(request.model_name):
        reason = refusal(request.target, is_folder=request.makes_folder, force=request.force)
    if problems:
        if reason is not None:
            problems.append(str(TargetExistsError(request.target, reason)))
        raise PackError(problems)
    if reason is not None:
        raise TargetExistsError(request.target, reason)


def _manifest(request: PackRequest, handler: HandlerChoice, epoch: int | None) -> Manifest:
    """Say what the archive is made of, as TorchServe's manifest does."""

    def name(path: Path | None) -> str | None:
        return None if path is None else path.name

    return Manifest(
        runtime=request.runtime,
        archiver_version=archiver_version(),
        created_on=created_on(epoch),
        model=ModelEntry(
            model_name=request.model_name,
            model_version=request.version,
            handler=handler.manifest_name,
            serialized_file=name(request.serialized_file),
            model_file=name(request.model_file),
            requirements_file=name(request.requirements_file),
            config_file=name(request.config_file),
        ),
    )
