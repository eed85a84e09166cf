"""What was measured of a model's precisions, and what follows from it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ts_sdk.precision import Precision

_NOTICED_MS = 10.0
_MUCH_LONGER = 2.0
"""Both have to be passed: a time that is measured once and again differs by itself."""


@dataclass(frozen=True)
class OutputDrift:
    """How far one output of the model is from its float32 value, at worst over all samples.

    Attributes:
        name: Where it is in what the model returns, such as ``0.boxes``; empty for a tensor alone.
        largest: The largest difference of a number.
        relative: The same as a share of the largest number in the output.
        note: Why it cannot be compared, None when it can.
    """

    name: str
    largest: float
    relative: float
    note: str | None = None


@dataclass(frozen=True)
class LayerDrift:
    """How far one layer is from float32, at worst over all samples and calls.

    The errors are relative: the length of the difference, divided by that of the float32 output.

    Attributes:
        name: The layer's name, as `named_modules` gives it.
        kind: Its class.
        own: The error that it makes by itself, given what the float32 model gives it. None where
            it cannot be called alone, as in compiled forms.
        total: The error of its output in the whole model, with all that came before.
        largest: The largest number that it gives in float32.
        problem: Why it does not run alone, None when it does.
    """

    name: str
    kind: str
    own: float | None
    total: float | None
    largest: float
    problem: str | None = None


@dataclass(frozen=True)
class PrecisionTrial:
    """One precision, tried on the samples.

    Attributes:
        precision: What the model computed in.
        keep_float32: Layers that stayed in float32.
        safe: Whether every sample was answered as in float32, within the tolerance.
        reason: Why, or why not.
        outputs: How far the model's outputs are from float32.
        answers_differ_by: The largest difference of a number in the answers, as a share of the
            largest number of its kind, and of a probability as it is. None when an answer has
            another structure, or there is none.
        same_top_label: How many samples have the same most probable label, and how many have
            labels with probabilities; None when none has.
        layers: How far the layers are from float32, the worst first.
        weights_bytes: Memory of the weights, in bytes; None when it cannot be told.
        request_ms: Milliseconds for one request, the median; None when none was answered.
        remedy: The same with the fewest layers found that make it safe; None when it is safe
            already or none were found.
    """

    precision: Precision
    keep_float32: tuple[str, ...] = ()
    safe: bool = False
    reason: str = ""
    outputs: tuple[OutputDrift, ...] = ()
    answers_differ_by: float | None = None
    same_top_label: tuple[int, int] | None = None
    layers: tuple[LayerDrift, ...] = ()
    weights_bytes: int | None = None
    request_ms: float | None = None
    remedy: "PrecisionTrial | None" = None

    @property
    def outputs_differ_by(self) -> float | None:
        """The largest of the outputs' relative differences; None when one cannot be compared."""
        if not self.outputs or any(output.note for output in self.outputs):
            return None
        return max(output.relative for output in self.outputs)

    @property
    def config_lines(self) -> str:
        """The lines of `model-config.yaml` that ask for this."""
        if not self.keep_float32:
            return f"precision: {self.precision}\n"
        layers = "".join(f"    - {name}\n" for name in self.keep_float32)
        return f"precision:\n  dtype: {self.precision}\n  keep_float32:\n{layers}"


@dataclass(frozen=True)
class PrecisionReport:
    """What `measure_precision` has measured.

    Attributes:
        path: The archive.
        device: Where it ran.
        samples: How many samples were answered.
        tolerance: The largest difference that is safe.
        float32: What it was compared with.
        trials: One for each precision that was asked for, in order.
    """

    path: Path
    device: str
    samples: int
    tolerance: float
    float32: PrecisionTrial
    trials: tuple[PrecisionTrial, ...] = field(default=())

    @property
    def safe(self) -> tuple[PrecisionTrial, ...]:
        """What is safe for these samples: each precision as it is, or with the layers it needs."""
        remedied = [trial if trial.safe else trial.remedy for trial in self.trials]
        return tuple(trial for trial in remedied if trial is not None)

    @property
    def recommended(self) -> PrecisionTrial | None:
        """The first that is safe without kept layers, else the first that is safe with them."""
        plain = [trial for trial in self.safe if not trial.keep_float32]
        return next(iter((*plain, *self.safe)), None)

    @property
    def caution(self) -> str | None:
        """That what is recommended takes much longer than float32 here; None where it does not."""
        trial, before_ms = self.recommended, self.float32.request_ms
        if trial is None or trial.request_ms is None or before_ms is None:
            return None
        longer_ms = trial.request_ms - before_ms
        if longer_ms < _NOTICED_MS or trial.request_ms < _MUCH_LONGER * before_ms:
            return None
        return (
            f"{trial.precision} saves memory, and time only on other devices: a request takes "
            f"{trial.request_ms:.1f} ms on {self.device}, and {before_ms:.1f} ms in float32"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dicts, for JSON; infinity is ``"inf"``."""
        recommended = self.recommended
        found: dict[str, Any] = _plain(asdict(self))
        found["recommended"] = None if recommended is None else recommended.config_lines
        found["caution"] = self.caution
        return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a report holds
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value


def worst(drifts: Sequence[OutputDrift]) -> OutputDrift:
    """The drift of one output over several samples."""
    noted = next((drift for drift in drifts if drift.note), None)
    return OutputDrift(
        drifts[0].name,
        max(drift.largest for drift in drifts),
        max(drift.relative for drift in drifts),
        noted.note if noted else None,
    )
