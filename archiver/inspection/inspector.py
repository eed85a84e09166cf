"""The steps of an inspection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.consistency import compare_with_record
from archiver.errors import CorruptArchiveError
from archiver.inspection.cautions import cautions
from archiver.inspection.facts import InspectedHandler, InspectedMember, Inspection
from archiver.inspection.serialized_file import SerializedFile, look_at
from archiver.inspection.text_members import config_keys, count_labels, requirement_lines
from archiver.names import MANIFEST_NAME, METADATA_FOLDER, RECORD_NAME
from archiver.outline import Outline, outline_of
from archiver.planning.handler_choice import BUILT_IN_HANDLERS, SPECIAL_HANDLERS
from archiver.samples import is_sample_member
from archiver.source_checks.handler import entry_points
from archiver.source_checks.model_file import module_classes
from archiver.tuned_profiles import is_profile_member, parse_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from archiver.inspection.facts import MemberKind, RecordState
    from archiver.reader import Archive
    from archiver.tuned_profiles import TunedProfile

LABELS_NAME = "index_to_name.json"
# What cannot hold tensors or pickles, so that a large archive is looked at quickly.
_TEXT_SUFFIXES = (".py", ".json", ".txt", ".yaml", ".yml", ".md", ".csv", ".html", ".toml", ".cfg")
# Text that people write is shorter; what is longer is data, and not read to be shown.
_MOST_TEXT_BYTES = 4 << 20


def inspect(archive: Archive) -> Inspection:
    """Find out what is in an archive, without running or unpickling any of it.

    Args:
        archive: The archive, open.

    Raises:
        CorruptArchiveError: A member that had to be read is damaged.
    """
    return _Inspector(archive).inspect()


class _Inspector:
    """Reads what has to be read, and gathers what cannot be understood."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._model = archive.manifest.model
        self._names = {member.name for member in archive.members}
        self._problems: list[str] = []

    def inspect(self) -> Inspection:
        """Find out everything, then what it means."""
        archive = self._archive
        handler = self._inspect_handler()
        serialized = self._look_at_members()
        facts = Inspection(
            path=archive.path,
            form=archive.form,
            size_bytes=self._size_bytes(),
            manifest=archive.manifest,
            has_manifest=archive.has_manifest,
            record=self._compare_record(),
            members=self._sort_members(handler, serialized),
            handler=handler,
            model_classes=self._inspect_model_file(),
            serialized=serialized,
            labels=self._count_labels(),
            config_keys=self._read_text(self._model.config_file, config_keys),
            requirements=self._read_text(self._model.requirements_file, requirement_lines),
            profiles=self._read_profiles(),
            warnings=(),
        )
        return replace(facts, warnings=(*self._problems, *cautions(facts)))

    def _size_bytes(self) -> int:
        """Return the size of the file, or of what is in the folder."""
        if self._archive.form == "folder":
            return sum(member.size for member in self._archive.members)
        return self._archive.path.stat().st_size

    def _compare_record(self) -> RecordState:
        """Tell whether RECORD lists what is there; only a folder can be open if it does not."""
        if self._archive.record is None:
            return "absent"
        try:
            compare_with_record(self._archive.path, self._archive.members, self._archive.record)
        except CorruptArchiveError as error:
            self._problems.extend(error.problems)
            return "differs"
        return "agrees"

    def _inspect_handler(self) -> InspectedHandler:
        """Find the handler's file, and in it what starts it."""
        declared = self._model.handler
        if declared is None:
            return InspectedHandler(None, None, is_built_in=False, entry_points=())
        file, _, entry_point = declared.partition(":")
        member = next((name for name in (file, f"{file}.py") if name in self._names), None)
        if member is None:
            is_built_in = declared in {*BUILT_IN_HANDLERS, *SPECIAL_HANDLERS}
            return InspectedHandler(declared, None, is_built_in=is_built_in, entry_points=())
        found: list[str] = []
        if member.endswith(".py"):
            outline = self._outline(member)
            found = [] if outline is None else entry_points(outline, entry_point or None)
            if outline is not None and not found and not outline.may_bind_more:
                self._problems.append(f"{member} defines nothing that could be its entry point")
            elif len(found) > 1:
                self._problems.append(f"{member} may be started by any of {', '.join(found)}")
        return InspectedHandler(declared, member, is_built_in=False, entry_points=tuple(found))

    def _inspect_model_file(self) -> tuple[str, ...]:
        """Find the model's classes."""
        member = self._model.model_file
        outline = None if member is None else self._outline(member)
        if outline is None:
            return ()
        classes = module_classes(outline)
        if len(classes) > 1:
            self._problems.append(f"{member} defines several models: {', '.join(classes)}")
        elif not classes and not outline.may_have_more_classes:
            self._problems.append(f"{member} defines no nn.Module class")
        return tuple(classes)

    def _outline(self, name: str) -> Outline | None:
        """Read what a Python file defines."""
        content = self._text(name)
        try:
            return None if content is None else outline_of(content, name)
        except SyntaxError as error:
            place = f"{name}:{error.lineno}" if error.lineno else name
            self._problems.append(f"{place} does not parse: {error.msg or error}")
            return None

    def _count_labels(self) -> int | None:
        """Count the labels that the default handlers would read."""
        content = self._text(LABELS_NAME)
        try:
            return None if content is None else count_labels(content)
        except ValueError as error:
            self._problems.append(f"{LABELS_NAME} cannot be read: {error}")
            return None

    def _read_text(
        self, name: str | None, read: Callable[[bytes], tuple[str, ...]]
    ) -> tuple[str, ...]:
        """Read a member with *read*, if there is one."""
        content = self._text(name)
        return () if content is None else read(content)

    def _read_profiles(self) -> tuple[TunedProfile, ...]:
        """Read what was found on which machines."""
        found = []
        for name in sorted(filter(is_profile_member, self._names)):
            content = self._text(name)
            try:
                found += [] if content is None else [parse_profile(content)]
            except ValueError as error:
                self._problems.append(f"{name} {error}, so that it is never applied")
        return tuple(found)

    def _text(self, name: str | None) -> bytes | None:
        """Return the content of a member that people write, or None when there is none."""
        if name is None or name not in self._names:
            return None
        size = self._archive.member(name).size
        if size > _MOST_TEXT_BYTES:
            self._problems.append(f"{name} has {size} bytes, and was not read")
            return None
        return self._archive.read(name)

    def _look_at_members(self) -> tuple[SerializedFile, ...]:
        """Find the members that hold tensors or pickles, in one pass."""
        wanted = [
            name
            for name in self._names
            if not name.startswith(f"{METADATA_FOLDER}/") and not name.endswith(_TEXT_SUFFIXES)
        ]
        looked_at = (
            look_at(member.name, stream, member.size, with_imports=True)
            for member, stream in self._archive.stream(wanted)
        )
        found = [each for each in looked_at if each is not None]
        self._problems.extend(f"{each.name}: {each.problem}" for each in found if each.problem)
        return tuple(sorted(found, key=lambda each: each.name))

    def _sort_members(
        self, handler: InspectedHandler, serialized: tuple[SerializedFile, ...]
    ) -> tuple[InspectedMember, ...]:
        """Tell what each member is for."""
        kinds: dict[str | None, MemberKind] = {
            **dict.fromkeys((each.name for each in serialized), "weights"),
            LABELS_NAME: "labels",
            self._model.requirements_file: "requirements",
            self._model.config_file: "config",
            self._model.serialized_file: "weights",
            self._model.model_file: "model file",
            handler.member: "handler",
            RECORD_NAME: "record",
            MANIFEST_NAME: "manifest",
        }
        return tuple(
            InspectedMember(member, kinds.get(member.name) or _kind(member.name))
            for member in self._archive.members
        )


def _kind(name: str) -> MemberKind:
    """Tell what a member is for that nothing names."""
    if is_sample_member(name):
        return "sample"
    if is_profile_member(name):
        return "profile"
    if name.startswith(f"{METADATA_FOLDER}/"):
        return "metadata"
    return "source" if name.endswith(".py") else "extra"
