"""The archive that is examined: read when a check asks, never run."""

import ast
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from ts_sdk.config import ModelConfig
from ts_sdk.doctor.entry import Entry, find_entry
from ts_sdk.doctor.environment import (
    installed_handlers,
    library_handlers,
    normalized,
    version_of,
)
from ts_sdk.doctor.handler_code import HandlerCode, Place
from ts_sdk.doctor.own_modules import OwnModules
from ts_sdk.doctor.pickles import ScannedPickle, names_in_zips, scan_pickles
from ts_sdk.doctor.quiet import quiet
from ts_sdk.doctor.sources import Function, Import, Source
from ts_sdk.errors import ConfigError
from ts_sdk.requirements import asked_packages

if TYPE_CHECKING:
    from archiver import Archive, Inspection, Limits
    from archiver.inspection import SerializedFile

_MOST_SOURCE_BYTES = 4 << 20
"""Code that people write is shorter; what is longer is data in Python's clothes."""


class Subject:
    """One archive, open, with what the checks want to know of it.

    Args:
        archive: The archive; it stays open while the checks run.
        inspection: What is inside.
        limits: What it may hold, nested archives included.

    Attributes:
        own: The modules that it brings along.
        handler_member: The handler's file, None when the handler is none of its files.
    """

    def __init__(self, archive: "Archive", inspection: "Inspection", limits: "Limits") -> None:
        self.archive = archive
        self.inspection = inspection
        self.model = archive.manifest.model
        self.limits = limits
        self.names = frozenset(member.name for member in archive.members)
        self.handler_member = inspection.handler.member
        self.own = OwnModules(self.names)
        self._sources: dict[str, Source | SyntaxError | None] = {}
        for member in (self.handler_member, self.model.model_file):
            if member is not None:
                self.own.add_root(member)
        # In the folders of a package, `sys.path` is the affair of scripts that nobody runs here.
        followed = (each for each in self._followed() if "/" not in each.name or self.is_main(each))
        if any(each.changes_path for each in followed):
            self.own.add_all_folders()

    def text(self, name: str | None) -> bytes | None:
        """The content of a member that people write; None when there is none, or it is too long."""
        if name is None or name not in self.names:
            return None
        if self.archive.member(name).size > _MOST_SOURCE_BYTES:
            return None
        return self.archive.read(name)

    def source(self, name: str) -> Source | SyntaxError | None:
        """A Python file of the archive, parsed; the error when it does not parse."""
        if name not in self._sources:
            content = self.text(name) if name.endswith(".py") else None
            try:
                self._sources[name] = None if content is None else Source(name, content)
            except SyntaxError as error:
                self._sources[name] = error
        return self._sources[name]

    def parsed(self, name: str | None) -> Source | None:
        """A Python file of the archive, None when it is not there or does not parse."""
        found = None if name is None else self.source(name)
        return found if isinstance(found, Source) else None

    def source_of_module(self, module: str) -> Source | None:
        """The archive's own source of *module*."""
        return self.parsed(self.own.member_of(module))

    @cached_property
    def entry(self) -> Entry | None:
        """What starts the handler; None when it is no Python file of the archive."""
        source = self.parsed(self.handler_member)
        if source is None:
            return None
        return find_entry(source, self.wanted_entry, self.source_of_module)

    @property
    def wanted_entry(self) -> str:
        """What the manifest names behind the colon of ``file.py:entry_point``, or ""."""
        return (self.model.handler or "").partition(":")[2]

    @property
    def handler_code(self) -> HandlerCode | None:
        """What of its own code the handler runs; None when that cannot be told."""
        return None if self.entry is None else self.entry.code

    @property
    def loads_by_base(self) -> bool:
        """Whether `BaseHandler` loads the serialized model."""
        if self.handler_member is not None:
            return self.handler_code is not None and self.handler_code.loads_by_base
        return (self.model.handler or "base_handler") in installed_handlers()

    @property
    def needs_model(self) -> bool:
        """Whether the library's own code certainly loads a model."""
        if self.handler_member is None:
            return (self.model.handler or "base_handler") in library_handlers()
        return self.handler_code is not None and self.handler_code.needs_model

    @property
    def is_for_text(self) -> bool:
        """Whether the handler is `TextClassifier` or derives from it."""
        if self.handler_member is None:
            return self.model.handler == "text_classifier"
        bases = self.handler_code.bases if self.handler_code is not None else ()
        return any(base.endswith("TextClassifier") for base in bases)

    def functions_run(self) -> Iterator[Place]:
        """The archive's functions that the handler runs, each once."""
        if self.handler_code is not None:
            places = (*self.handler_code.starting, *self.handler_code.answering)
            yield from dict.fromkeys(places)

    def is_run(self, within: tuple[Function, ...], source: Source) -> bool:
        """Whether code inside of the functions *within* certainly runs.

        Args:
            within: The functions around it, the innermost first; none at import time.
            source: The file that it is in.
        """
        if not self.is_needed(source):
            return False
        code = self.handler_code
        return not within or (code is not None and any(code.runs(each) for each in within))

    def is_needed(self, source: Source) -> bool:
        """Whether a file is certainly imported."""
        return self._reached.get(source.name, False)

    def is_main(self, source: Source) -> bool:
        """Whether a file is the handler or the model file."""
        return source.name in (self.handler_member, self.model.model_file)

    @cached_property
    def reachable(self) -> tuple[Source, ...]:
        """The Python files that the handler and the model file lead to, those two first."""
        found = (self.parsed(name) for name in self._reached)
        return tuple(source for source in found if source is not None)

    @cached_property
    def broken(self) -> Mapping[str, SyntaxError]:
        """The Python files that are certainly imported and do not parse."""
        needed = (name for name, is_needed in self._reached.items() if is_needed)
        found = {name: self.source(name) for name in needed}
        return {name: error for name, error in found.items() if isinstance(error, SyntaxError)}

    @cached_property
    def _reached(self) -> dict[str, bool]:
        """Each Python file that is led to, and whether it is certainly imported."""
        reached: dict[str, bool] = {}
        roots = (self.handler_member, self.model.model_file)
        waiting = deque((name, True) for name in roots if name is not None)
        while waiting:
            name, is_needed = waiting.popleft()
            if reached.get(name, False) or (name in reached and not is_needed):
                continue
            reached[name] = is_needed
            source = self.parsed(name)
            if source is None:
                continue
            for each in source.imports:
                surely = is_needed and self._surely(each)
                waiting.extend((member, surely) for member in self._members_of(source, each))
        return reached

    def _followed(self) -> Iterator[Source]:
        """The handler and the files that it leads to, before it is known what runs."""
        waiting = deque(name for name in (self.handler_member, self.model.model_file) if name)
        seen: set[str] = set()
        while waiting:
            name = waiting.popleft()
            source = self.parsed(name)
            if source is None or name in seen:
                continue
            seen.add(name)
            yield source
            for each in source.imports:
                waiting.extend(self._members_of(source, each))

    def _surely(self, each: Import) -> bool:
        """Whether an import certainly happens."""
        if each.is_optional or each.is_conditional:
            return False
        code = self.handler_code
        return not each.within or (code is not None and any(map(code.runs, each.within)))

    def _members_of(self, source: Source, each: Import) -> Iterator[str]:
        """The archive's own files that an import executes."""
        module = source.absolute(each.module, each.level)
        parts = module.split(".") if module else []
        wanted = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        wanted += [f"{module}.{name}" if module else name for name in each.names]
        for name in wanted:
            member = self.own.member_of(name)
            if member is not None:
                yield member

    @cached_property
    def serialized(self) -> Mapping[str, "SerializedFile"]:
        """The members that hold tensors or pickles, by name."""
        return {each.name: each for each in self.inspection.serialized}

    @cached_property
    def pickles(self) -> tuple[ScannedPickle, ...]:
        """Every pickle in it, nested archives included."""
        found = scan_pickles(self.archive, self.inspection, self.limits)
        return tuple(sorted(found, key=lambda pickle: pickle.member))

    @cached_property
    def zipped_names(self) -> frozenset[str]:
        """The names of all files and folders in its zips, without suffixes."""
        zips = [each.name for each in self.inspection.serialized if each.form == "zip"]
        return frozenset(names_in_zips(self.archive, zips))

    @cached_property
    def requirements(self) -> Mapping[str, tuple[int, Requirement]]:
        """Normalized distribution → its line and what is asked for, of lines that are read."""
        found = {}
        for number, line in asked_packages(self.text(self.model.requirements_file) or b""):
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                continue
            if requirement.marker is None or requirement.marker.evaluate():
                found[normalized(requirement.name)] = (number, requirement)
        return found

    @cached_property
    def _config(self) -> ModelConfig | ConfigError:
        content = self.text(self.model.config_file)
        if self.model.config_file is None or content is None:
            return ModelConfig()
        try:
            with quiet("ts_sdk.config"):  # misspelt settings are findings here
                return ModelConfig.parse(content, self.model.config_file)
        except ConfigError as error:
            return error

    @property
    def config(self) -> ModelConfig:
        """What model-config.yaml says; nothing when it cannot be read."""
        return self._config if isinstance(self._config, ModelConfig) else ModelConfig()

    @property
    def config_problems(self) -> tuple[str, ...]:
        """Why model-config.yaml cannot be read."""
        return self._config.problems if isinstance(self._config, ConfigError) else ()

    @cached_property
    def mentions_main(self) -> bool:
        """Whether the code puts something into the module ``__main__``, for pickles to find."""
        return any(_fills_main(source) for source in self.reachable)

    def expected_version(self, distribution: str) -> Version | None:
        """The version that is installed, or that would be by the archive's requirements."""
        installed = version_of(distribution)
        if installed is not None:
            return installed
        _, requirement = self.requirements.get(normalized(distribution), (0, None))
        for clause in requirement.specifier if requirement is not None else ():
            if clause.operator == "==" and not clause.version.endswith("*"):
                return Version(clause.version)
        return None


def _fills_main(source: Source) -> bool:
    if any(full.partition(".")[0] == "__main__" for full in source.aliases.values()):
        return True
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == "__main__"
        for node in source.nodes
    )
