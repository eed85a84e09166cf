"""The processors that a config names, as devices of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass

from ts_sdk.benchmarking.torchserve_config import Entry

_KINDS = {"cpu": "cpu", "gpu": "cuda"}


@dataclass(frozen=True)
class Processor:
    """Where a case runs.

    Attributes:
        name: ``cpu`` or ``gpu``.
        devices: What it is called here; workers go to them in turn.
    """

    name: str
    devices: tuple[str, ...]


def processors_in(entry: Entry, kind: str | None, skipped: list[str]) -> list[Processor]:
    """Those that *entry* names and that are here.

    Args:
        entry: One mode of one model.
        kind: ``cpu``, ``cuda`` or ``cuda:1``, where the others are not wanted.
        skipped: Takes a sentence for each that is not here.
    """
    found: list[Processor] = []
    for named in entry.processors:
        wanted = named.get("gpus") if isinstance(named, Mapping) else None
        if named != "cpu" and wanted is None:
            skipped.append(f"processor {named}: there is only cpu and gpus")
            continue
        processor = (
            Processor("cpu", ("cpu",)) if wanted is None else Processor("gpu", _gpus(wanted, kind))
        )
        if kind is not None and kind.partition(":")[0] != _KINDS[processor.name]:
            continue
        if processor.devices:
            found.append(processor)
        else:
            skipped.append(f"processor gpus: {wanted}: there is no CUDA device here")
    return found


def _gpus(wanted: object, kind: str | None) -> tuple[str, ...]:
    """All devices, or as many as *wanted* says; the one that *kind* names."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if str(wanted).isdecimal():
        count = min(count, int(str(wanted)))
    found = tuple(f"cuda:{index}" for index in range(count))
    return tuple(each for each in found if kind in (None, "cuda", "cpu", each))
