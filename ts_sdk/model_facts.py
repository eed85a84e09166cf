"""What is known of a loaded archive, wherever its handler runs."""

from dataclasses import dataclass
from pathlib import Path

from ts_sdk.precision import Precision


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a loaded archive.

    Attributes:
        path: The archive or folder that was loaded.
        name: `modelName` of the manifest.
        version: `modelVersion` of the manifest, None when it has none.
        device: Where the model runs, as torch spells it.
        precision: What it computes in.
        batch_size: Most requests in a batch: what the caller wants, else `batchSize` of
            `model-config.yaml`, 1 when absent.
        stateful: Whether requests belong to sequences, so that no batch may be run twice.
        tuned: The profile whose setting is applied, None without one.
    """

    path: Path
    name: str
    version: str | None
    device: str
    precision: Precision
    batch_size: int
    stateful: bool
    tuned: str | None = None
