"""Archives of the variants: the archive with other settings, or with its model converted."""

import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archiver import DEFAULT_LIMITS, Archive, ArchiveError, Limits
from ts_sdk.errors import SdkError
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.space import Form, Variant

_CONVERSIONS = {Form.TORCHSCRIPT: "torchscript", Form.AOTI: "aoti", Form.ONNX: "onnx"}


@dataclass
class Forms:
    """Makes an archive for each variant, once.

    Attributes:
        archive: The archive that is tuned.
        digest: Its SHA-256.
        inputs: Requests, which are the examples for conversions.
        folder: Where archives are kept; one that is there already is taken as it is.
        trust_pickle: As for `ts_sdk.load`.
        keep_float32: As for `ts_sdk.load`; of converted forms, the config's count.
        limits: As for `ts_sdk.load`.
    """

    archive: Path
    digest: str
    inputs: Sequence[object]
    folder: Path
    trust_pickle: bool = False
    keep_float32: tuple[str, ...] | None = None
    limits: Limits = DEFAULT_LIMITS
    _failed: dict[Path, str] = field(default_factory=dict)

    def archive_of(self, variant: Variant) -> Path:
        """The archive to load for *variant*.

        Raises:
            TuningError: There is no such form of it; the message says why.
        """
        if variant.form is Form.EAGER and not variant.fast_decode:
            return self.archive
        target = self.folder / self._name(variant)
        if target in self._failed:
            raise TuningError(self._failed[target])
        if not target.exists():
            try:
                self._make(variant, target)
            except (SdkError, ArchiveError, OSError, RuntimeError) as error:
                self._failed[target] = _first_line(error)
                raise TuningError(self._failed[target]) from error
        return target

    def options(self, variant: Variant) -> dict[str, Any]:
        """What to load or serve that archive with."""
        # A converted model is in its precision already, and its config says so where it has to.
        precision = None if variant.form.is_converted else variant.precision
        kept = None if precision in (None, "float32") else self.keep_float32
        return {
            "device": variant.device,
            "precision": precision,
            "keep_float32": kept,
            "trust_pickle": self.trust_pickle and not variant.form.is_converted,
        }

    def _make(self, variant: Variant, target: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as folder:
            draft = Path(folder) / "draft.mar"
            source = self._source_of(variant, Path(folder) / "converted.mar")
            frozen = variant.form is Form.TORCHSCRIPT and not variant.fast_decode
            self._repack(
                source, draft, settings_of(variant), Path(folder) / "members", frozen=frozen
            )
            draft.replace(target)

    def _source_of(self, variant: Variant, converted: Path) -> Path:
        """The archive that lacks only the settings of *variant*, which may become *converted*."""
        if variant.fast_decode:
            return self.archive_of(replace(variant, fast_decode=False))
        if variant.form is Form.OPENVINO:
            if variant.device != "cpu":
                raise TuningError(f"OpenVINO runs models on the CPU here, not on {variant.device}")
            return self.archive_of(replace(variant, form=Form.ONNX))
        return self._convert(variant, converted) if variant.form.is_converted else self.archive

    def _convert(self, variant: Variant, target: Path) -> Path:
        from ts_sdk.conversion import convert

        converted = convert(
            self.archive,
            to=_CONVERSIONS[variant.form],
            samples=self.inputs,
            target=target,
            device=variant.device.partition(":")[0],  # a kind is converted for, not one device
            precision=variant.precision,
            trust_pickle=self.trust_pickle,
            limits=self.limits,
        )
        return converted.path

    def _repack(
        self,
        source: Path,
        target: Path,
        changes: Mapping[str, Any],
        folder: Path,
        *,
        frozen: bool,
    ) -> None:
        from ts_sdk.conversion.repacking import Workspace

        with Archive.open(source, limits=self.limits) as archive:
            space = Workspace(archive, folder)
        if frozen:
            _freeze(folder / str(space.manifest.model.serialized_file))
        space.config = merged(space.config, changes)
        space.save()
        space.pack(target, force=False)

    def _name(self, variant: Variant) -> str:
        """What the archive is called: its kind, and a digest of all that it depends on."""
        facts = (self.digest, variant.name, self.keep_float32, len(self.inputs))
        known = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
        return f"{re.sub(r'[^a-z0-9]+', '-', variant.name)}-{known}.mar"


def settings_of(variant: Variant) -> dict[str, Any]:
    """What `model-config.yaml` says of *variant*, beside the device and the precision."""
    changes: dict[str, Any] = {}
    if variant.form is Form.CHANNELS_LAST:
        changes["handler"] = {"layout": "channels_last"}
    if variant.fast_decode:
        changes.setdefault("handler", {})["fast_decode"] = True
    if variant.form is Form.COMPILE:
        changes["pt2"] = {"compile": {"enable": True, "backend": "inductor"}}
    if variant.form is Form.OPENVINO:
        changes.setdefault("handler", {})["onnx_runtime"] = "openvino"
    return changes


def merged(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """*config* with *changes* in it, section by section."""
    result = dict(config)
    for key, value in changes.items():
        before = result.get(key)
        inside = isinstance(before, Mapping) and isinstance(value, Mapping) and key != "pt2"
        result[key] = merged(before, value) if inside else value  # type: ignore[arg-type] # a mapping, as just asked
    return result


def _freeze(path: Path) -> None:
    """Replace the TorchScript in *path* by the same with its weights and its mode fixed."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the form is deprecated, which whoever asks for it knows
        module = torch.jit.load(path)  # type: ignore[no-untyped-call] # torch's own
        torch.jit.freeze(module.eval()).save(path)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else repr(error)
