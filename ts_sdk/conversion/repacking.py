"""From an archive to a folder of its members, and from a changed folder to a new archive."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from archiver import Archive, Manifest, PackResult
from archiver.names import MANIFEST_NAME, RECORD_NAME
from archiver.plan import FileState, PackPlan, PlannedMember
from archiver.planning.timestamp import created_on, member_timestamp, source_date_epoch
from archiver.planning.version import archiver_version
from archiver.text import HEAD_SIZE, is_text
from archiver.writer import write
from ts_sdk.config import ModelConfig
from ts_sdk.errors import ConversionError

_CONFIG = "model-config.yaml"


class Workspace:
    """The members of an archive as files, to be changed.

    Attributes:
        folder: Where they are.
        manifest: What they are for; written into the folder by `save`.
        config: `model-config.yaml`; written into the folder by `save`.
    """

    def __init__(self, archive: Archive, folder: Path) -> None:
        names = [each.name for each in archive.members if each.name != RECORD_NAME]
        archive.extract(folder, names)
        self.folder = folder
        self.manifest = archive.manifest
        named = self.manifest.model.config_file
        self._config_name = named or _CONFIG
        config = ModelConfig.read(folder / named) if named else ModelConfig()
        self.config: dict[str, Any] = dict(config.values)
        self._written = dict(self.config)

    @property
    def has_own_handler(self) -> bool:
        """Whether the handler is a file of the archive, which may use the others."""
        named = (self.manifest.model.handler or "").partition(":")[0]
        return bool(named) and any(
            (self.folder / name).is_file() for name in (named, f"{named}.py")
        )

    def replace_model(self, source: Path, name: str, *, needs_model_file: bool) -> None:
        """Put the file *source*, and what lies beside it, in the place of the serialized model.

        A model file that nothing needs goes too; one that a handler of the archive's own may import
        stays, and the manifest names it no more.
        """
        model = self.manifest.model
        if model.serialized_file is not None:
            (self.folder / model.serialized_file).unlink()
        if (self.folder / name).exists():
            raise ConversionError(
                f"the archive has a file {name} already, which the converted model would replace"
            )
        for each in source.parent.iterdir():
            shutil.move(each, self.folder / (name if each == source else each.name))
        if model.model_file is not None and not needs_model_file:
            if not self.has_own_handler:
                (self.folder / model.model_file).unlink()
            model = replace(model, model_file=None)
        self.manifest = replace(self.manifest, model=replace(model, serialized_file=name))

    def save(self) -> None:
        """Write the manifest and the config, the latter only where something in it has changed."""
        if self.config != self._written:
            model = self.manifest.model
            name = self._config_name
            if self.config:
                text = yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True)
                (self.folder / name).write_text(text, encoding="utf-8")
            elif model.config_file is not None:
                (self.folder / name).unlink()
            kept = name if self.config else None
            self.manifest = replace(self.manifest, model=replace(model, config_file=kept))
            self._written = dict(self.config)
        path = self.folder / MANIFEST_NAME
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.manifest.to_json(), encoding="utf-8")

    def pack(self, target: Path, *, force: bool) -> PackResult:
        """Pack the folder; on any error what is under the target's name stays as it was.

        Raises:
            archiver.PackError: The target cannot be written.
            archiver.TargetExistsError: There is one, and *force* is off.
        """
        epoch = source_date_epoch()
        manifest = replace(
            self.manifest, archiver_version=archiver_version(), created_on=created_on(epoch)
        )
        plan = PackPlan(
            target=target,
            archive_format="default",
            force=force,
            manifest=manifest,
            members=tuple(_planned(self.folder, manifest)),
            timestamp=member_timestamp(epoch),
        )
        return write(plan)


def _planned(folder: Path, manifest: Manifest) -> list[PlannedMember]:
    members = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in (MANIFEST_NAME, RECORD_NAME) or _is_bytecode(path):
            continue
        with path.open("rb") as file:
            state, head = FileState.of(os.fstat(file.fileno())), file.read(HEAD_SIZE)
        deflate = name != manifest.model.serialized_file and is_text(head)
        members.append(PlannedMember(name, path, state, deflate))
    return members


def _is_bytecode(path: Path) -> bool:
    return path.suffix == ".pyc" or path.parent.name == "__pycache__"
