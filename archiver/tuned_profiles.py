"""Profiles of tuned settings that an archive holds: where they are, and what they must say.

A profile is what `mar tune` writes: a setting, and the machine on which it was the best. `ts_sdk`
applies the one of the machine that it runs on.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from archiver.names import METADATA_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TUNED_FOLDER = f"{METADATA_FOLDER}/tuned"
"""Where in an archive they are."""

PROFILE_ROLE = "profile"
"""What a profile's file is to the archive, in words."""

MOST_PROFILE_BYTES = 1 << 20
"""A profile is a page of text; what is longer is none."""

PROFILE_VERSION = 1

_LONGEST_NAME = 120
_WORDS = ("device", "precision", "form")
_COUNTS = {"workers": 1, "batch_size": 1, "max_batch_delay_ms": 0, "threads": 1}


@dataclass(frozen=True, slots=True)
class TunedProfile:
    """A setting and the machine that it was found on.

    Attributes:
        cpu: The model of the machine's processor.
        cores: How many of them its programs may use.
        gpus: The models of its GPUs.
        gpu_driver: The version of their driver; None where it is not known.
        memory_mb: Its memory in MiB; None where it is not known.
        torch: The version of torch; None where there was none.
        device: What the model runs on: ``cpu``, ``cuda:0``, ….
        precision: What it computes in.
        form: What is done to the model, in `mar tune`'s word.
        workers: How many batches are computed at once.
        batch_size: Most requests in a batch.
        max_batch_delay_ms: How long a request waits for others, in milliseconds.
        threads: Of torch for each worker; None leaves them to the pool.
        config: `model-config.yaml` with the setting in it.
        model_digest: What tells the model that was measured from others; None where nothing does.
    """

    cpu: str
    cores: int
    gpus: tuple[str, ...]
    gpu_driver: str | None
    memory_mb: int | None
    torch: str | None
    device: str
    precision: str
    form: str
    workers: int
    batch_size: int
    max_batch_delay_ms: int
    threads: int | None
    config: Mapping[str, Any]
    model_digest: str | None

    @property
    def machine(self) -> str:
        """The machine in words, as far as it has to be the same."""
        torch = f", torch {self.torch_release}" if self.torch else ""
        return ", ".join([self.cpu, f"{self.cores} cores", *self.gpus]) + torch

    @property
    def setting(self) -> str:
        """The setting in words."""
        plural = "" if self.workers == 1 else "s"
        return (
            f"{self.device} {self.precision} {self.form}, {self.workers} worker{plural}, "
            f"batch {self.batch_size}"
        )

    @property
    def torch_release(self) -> str | None:
        """The version of torch without its last number, such as ``2.14``."""
        return None if self.torch is None else release_of(self.torch)

    @property
    def member_name(self) -> str:
        """What it is called in an archive: by its machine, of which there is one profile."""
        slug = re.sub(r"[^a-z0-9.]+", "-", self.machine.lower()).strip("-.")
        return f"{TUNED_FOLDER}/{slug[:_LONGEST_NAME]}.json"

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {**asdict(self), "gpus": list(self.gpus), "config": dict(self.config)}


def is_profile_member(name: str) -> bool:
    """Tell whether a member is a profile."""
    return name.startswith(f"{TUNED_FOLDER}/") and name.endswith(".json")


def release_of(version: str) -> str:
    """Return the first two numbers of a version: ``2.14`` of ``2.14.0+cu130``."""
    return ".".join(version.partition("+")[0].split(".")[:2])


def parse_profile(content: bytes) -> TunedProfile:
    """Read a profile.

    Args:
        content: What its file holds.

    Raises:
        ValueError: It is none; the text says why, as the end of a sentence.
    """
    if len(content) > MOST_PROFILE_BYTES:
        raise ValueError(f"has {len(content)} bytes, more than the {MOST_PROFILE_BYTES} of any")
    try:
        found = json.loads(content)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"is not valid JSON: {error}") from error
    if not isinstance(found, dict) or "hardware" not in found or "settings" not in found:
        raise ValueError("is no profile of mar tune: it has no sections hardware and settings")
    if found.get("version") != PROFILE_VERSION:
        raise ValueError(
            f"has the version {found.get('version')!r}, and only {PROFILE_VERSION} is understood"
        )
    problem = next(_problems(found), None)
    if problem is not None:
        raise ValueError(problem)
    return _profile(found)


def _problems(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what has a value of the wrong kind."""
    for section in ("hardware", "settings", "config"):
        if not isinstance(found.get(section), dict):
            yield f"has no section {section} of names and values"
            return
    yield from _hardware_problems(found["hardware"])
    yield from _setting_problems(found["settings"])


def _hardware_problems(hardware: Mapping[str, Any]) -> Iterator[str]:
    packages = hardware.get("packages")
    if not isinstance(hardware.get("cpu"), str) or not _is_count(hardware.get("cores"), 1):
        yield "does not say which processor (cpu) and how many cores its machine has"
    if not _are_texts(hardware.get("gpus")):
        yield "does not list the GPUs of its machine (gpus)"
    if not isinstance(packages, dict) or not _are_texts(list(packages.values())):
        yield "does not say which versions there were (packages)"


def _setting_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    for name in _WORDS:
        if not isinstance(settings.get(name), str):
            yield f"has no word for {name} in its settings"
    for name, least in _COUNTS.items():
        value = settings.get(name)
        if not _is_count(value, least) and not (name == "threads" and value is None):
            yield f"has no whole number of {least} or more for {name} in its settings"


def _profile(found: Mapping[str, Any]) -> TunedProfile:
    hardware, settings = found["hardware"], found["settings"]
    driver, memory_mb = hardware.get("gpu_driver"), hardware.get("memory_mb")
    digest = found.get("model_digest")
    return TunedProfile(
        cpu=hardware["cpu"],
        cores=hardware["cores"],
        gpus=tuple(hardware["gpus"]),
        gpu_driver=driver if isinstance(driver, str) else None,
        memory_mb=memory_mb if _is_count(memory_mb, 1) else None,
        torch=hardware["packages"].get("torch"),
        device=settings["device"],
        precision=settings["precision"],
        form=settings["form"],
        workers=settings["workers"],
        batch_size=settings["batch_size"],
        max_batch_delay_ms=settings["max_batch_delay_ms"],
        threads=settings.get("threads"),
        config=found["config"],
        model_digest=digest if isinstance(digest, str) else None,
    )


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
