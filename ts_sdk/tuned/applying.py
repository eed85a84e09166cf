"""The setting that was found on this machine, as lines of `model-config.yaml`.

It goes before what the archive's own `model-config.yaml` says: that is for every machine, and a
setting of which only half is applied is one that nobody has measured.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from archiver import Archive
from archiver.tuned_profiles import TunedProfile, is_profile_member, parse_profile
from ts_sdk.config import ModelConfig
from ts_sdk.errors import ConfigError
from ts_sdk.hardware import Hardware
from ts_sdk.tuned.matching import differences, remarks
from ts_sdk.tuned.measured_model import model_digest

_SERVING_KEYS = ("minWorkers", "maxWorkers", "batchSize", "maxBatchDelay", "deviceType")
_MODEL_KEYS = ("precision", "pt2")
_HANDLER_KEYS = ("layout", "fast_decode", "onnx_runtime")
_CONVERTED = ("torchscript", "onnx", "openvino", "aoti")
"""Forms that are other files, not settings: what they compute in was chosen when they were made."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuned:
    """A setting that is applied.

    Attributes:
        name: The name of its profile.
        changes: What it puts into `model-config.yaml`.
        workers: How many batches are computed at once.
        threads: Of torch for each of these workers; None leaves them to the pool.
    """

    name: str
    changes: Mapping[str, Any]
    workers: int
    threads: int | None

    def over(self, config: ModelConfig) -> ModelConfig:
        """*config* with the setting in it."""
        section = {**(config.values.get("handler") or {}), **self.changes.get("handler", {})}
        return ModelConfig(
            {**config.values, **self.changes, **({"handler": section} if section else {})}
        )


def tuned_for(archive: Archive, devices: Sequence[str] = ()) -> Tuned | None:
    """The setting of *archive* that was found on this machine; None where there is none.

    Which one is applied, or why none is, is logged.

    Args:
        archive: The opened archive.
        devices: Those that the caller asks for, if any.
    """
    profiles = dict(_profiles_in(archive))
    if not profiles:
        return None
    here = Hardware.here()
    wrong = {name: differences(profile, here) for name, profile in profiles.items()}
    name = next((name for name, told in wrong.items() if not told), None)
    if name is None:
        made_for = (
            f"one was made for {profiles[name].machine}, but here {' and '.join(told)}"
            for name, told in wrong.items()
        )
        _logger.info("%s: no tuned setting is applied: %s", archive.path, "; ".join(made_for))
        return None
    profile = profiles[name]
    if not all(_is_kind(device, profile.device) for device in devices):
        _logger.info(
            "%s: the tuned setting is not applied: it is for %s, and %s was asked for",
            archive.path,
            profile.device,
            ", ".join(devices),
        )
        return None
    return _applied(archive, name, profile, here)


def _profiles_in(archive: Archive) -> list[tuple[str, TunedProfile]]:
    """The profiles by name; what cannot be read as one is logged, since the model runs without."""
    found = []
    for member in sorted(archive.members, key=lambda each: each.name):
        if is_profile_member(member.name):
            try:
                profile = parse_profile(archive.read(member.name))
            except ValueError as error:
                _logger.warning("%s: %s %s: it is passed over", archive.path, member.name, error)
            else:
                found.append((PurePosixPath(member.name).stem, profile))
    return found


def _is_kind(device: str, tuned: str) -> bool:
    """Whether *device* is of the kind that *tuned* is."""
    if device.strip().lower() == "auto":
        from ts_sdk.devices import resolve_device

        device = str(resolve_device("auto"))
    return device.strip().lower().partition(":")[0] == tuned.partition(":")[0]


def _applied(archive: Archive, name: str, profile: TunedProfile, here: Hardware) -> Tuned | None:
    is_same = profile.model_digest is not None and profile.model_digest == model_digest(archive)
    changes = {**_serving_changes(profile), **(_model_changes(profile) if is_same else {})}
    try:
        ModelConfig.checked(changes, f"the profile {name}")
    except ConfigError as error:
        _logger.warning("%s: the tuned setting is passed over: %s", archive.path, error)
        return None
    notes = remarks(profile, here)
    if not is_same:
        notes.append(
            "it was measured with another model, or another form of it, so that what could change "
            "answers is left out: precision, layout, fast decoding, compilation, runtime of ONNX"
        )
    _logger.info(
        "%s: the setting that was tuned for this machine is applied: %s%s",
        archive.path,
        profile.setting,
        "".join(f"; {note}" for note in notes),
    )
    return Tuned(name, changes, profile.workers, profile.threads)


def _serving_changes(profile: TunedProfile) -> dict[str, Any]:
    """What is about devices, workers and batches, and leaves answers as they are."""
    found = {key: profile.config[key] for key in _SERVING_KEYS if key in profile.config}
    # Those of the archive's own config may belong to another kind of device.
    return {**found, "deviceIds": profile.config.get("deviceIds")}


def _model_changes(profile: TunedProfile) -> dict[str, Any]:
    """What was checked with this very model to leave its answers as they are."""
    keys = () if profile.form in _CONVERTED else _MODEL_KEYS
    found = {key: profile.config[key] for key in keys if key in profile.config}
    section = profile.config.get("handler")
    if isinstance(section, Mapping):
        chosen = {key: section[key] for key in _HANDLER_KEYS if key in section}
        found |= {"handler": chosen} if chosen else {}
    return found
