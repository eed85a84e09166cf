"""What the program and an archive's process tell each other while archives are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archiver import Limits
from ts_sdk.rows import Request


@dataclass(frozen=True)
class Started:
    """The process has imported torch, and waits for its task."""


@dataclass(frozen=True)
class Task:
    """What a process is started for.

    Attributes:
        path: The archive, absolute.
        device: As for `ts_sdk.load`.
        precision: As for `ts_sdk.load`.
        trust_pickle: As for `ts_sdk.load`.
        limits: As for `ts_sdk.load`.
        requests: The samples; later messages name them by their position.
    """

    path: Path
    device: str | None
    precision: str | None
    trust_pickle: bool
    limits: Limits
    requests: Sequence[Request]


@dataclass(frozen=True)
class Ready:
    """The archive is loaded.

    Attributes:
        device: Where it runs.
        precision: What it computes in.
        load_ms: How long it took.
        weights_bytes: Memory of the weights, None when they cannot be seen.
    """

    device: str
    precision: str
    load_ms: float
    weights_bytes: int | None


@dataclass(frozen=True)
class Failed:
    """The archive cannot be loaded.

    Attributes:
        message: Why.
    """

    message: str


@dataclass(frozen=True)
class Answered:
    """What became of one sample.

    Attributes:
        elapsed_ms: How long it took.
        answer: The answer in JSON's types and bytes, None where there is none.
        error: Why there is none, None where there is one.
        refused: Whether that is the sender's fault: a status from 400 to 499.
    """

    elapsed_ms: float
    answer: object = None
    error: str | None = None
    refused: bool = False


@dataclass(frozen=True)
class Peaks:
    """The most memory that was used.

    Attributes:
        process_bytes: By the process, None where the system does not say.
        cuda_bytes: By tensors on the GPU, None on the CPU.
    """

    process_bytes: int | None
    cuda_bytes: int | None
