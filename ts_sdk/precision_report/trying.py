"""Trying a precision on the samples, and judging whether it is safe for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ts_sdk.errors import PrecisionError, RequestError
from ts_sdk.precision import Precision
from ts_sdk.precision_report.answers import answers_difference, probabilities_in, top_label
from ts_sdk.precision_report.distances import output_drifts
from ts_sdk.precision_report.layers import measure_layers
from ts_sdk.precision_report.observing import (
    Observation,
    module_of,
    observe,
    request_ms,
    weights_bytes,
)
from ts_sdk.precision_report.report import LayerDrift, OutputDrift, PrecisionTrial, worst

if TYPE_CHECKING:
    from ts_sdk.model import Model

Load = Callable[[Precision, tuple[str, ...]], "Model"]


@dataclass(frozen=True)
class Tried:
    """A trial, and the layer that the model itself blames for a failure.

    Attributes:
        trial: The trial.
        culprit: The layer's name, None when there is none.
    """

    trial: PrecisionTrial
    culprit: str | None


@dataclass(frozen=True)
class Bench:
    """What all precisions are tried with.

    Attributes:
        load: Opens the archive in a precision, with layers that stay in float32.
        float32: The archive in float32.
        samples: Requests, which that answers.
        expected: What it answers.
        tolerance: The largest difference that is safe.
    """

    load: Load
    float32: "Model"
    samples: list[object]
    expected: Sequence[Observation]
    tolerance: float

    def try_out(
        self, precision: Precision, keep: tuple[str, ...] = (), *, with_layers: bool = True
    ) -> Tried:
        """Answer the samples in *precision*, and compare."""
        try:
            model = self.load(precision, keep)
        except PrecisionError as error:
            return Tried(PrecisionTrial(precision, keep, reason=str(error)), error.layer)
        with model:
            observations = [observe(model, sample) for sample in self.samples]
            trial = self._judged(PrecisionTrial(precision, keep), observations)
            if all(each.error is None for each in observations):
                trial = replace(trial, request_ms=request_ms(model, self.samples))
            layers: tuple[LayerDrift, ...] = ()
            if with_layers:
                layers = measure_layers(self.float32, model, keep, self.samples)
            size = weights_bytes(module_of(model))
        return Tried(replace(trial, layers=layers, weights_bytes=size), _culprit(observations))

    def _judged(self, trial: PrecisionTrial, observations: Sequence[Observation]) -> PrecisionTrial:
        errors = [each.error for each in observations if each.error is not None]
        if errors:
            failed = f"{len(errors)} of {len(observations)} samples failed"
            return replace(trial, reason=f"{failed}: {errors[0].message}")
        pairs = list(zip(self.expected, observations, strict=True))
        trial = replace(
            trial,
            outputs=_outputs(pairs),
            answers_differ_by=_answers_differ_by(pairs),
            same_top_label=_same_top_label(pairs),
        )
        safe, reason = _verdict(trial, self.tolerance)
        return replace(trial, safe=safe, reason=reason)


_Pairs = Sequence[tuple[Observation, Observation]]


def _outputs(pairs: _Pairs) -> tuple[OutputDrift, ...]:
    by_name: dict[str, list[OutputDrift]] = {}
    for expected, found in pairs:
        if len(expected.outputs) != len(found.outputs):
            note = f"{len(found.outputs)} calls of the model instead of {len(expected.outputs)}"
            by_name.setdefault("", []).append(OutputDrift("", float("inf"), float("inf"), note))
            continue
        for wanted, got in zip(expected.outputs, found.outputs, strict=True):
            for drift in output_drifts(wanted, got):
                by_name.setdefault(drift.name, []).append(drift)
    return tuple(worst(drifts) for drifts in by_name.values())


def _answers_differ_by(pairs: _Pairs) -> float | None:
    found = [answers_difference(expected.answer, got.answer) for expected, got in pairs]
    known = [difference for difference in found if difference is not None]
    return max(known) if len(known) == len(found) else None


def _same_top_label(pairs: _Pairs) -> tuple[int, int] | None:
    labels = []
    for expected, found in pairs:
        wanted, got = probabilities_in(expected.answer), probabilities_in(found.answer)
        if wanted is not None and got is not None:
            labels.append((top_label(wanted), top_label(got)))
    if not labels:
        return None
    return sum(wanted == got for wanted, got in labels), len(labels)


def _verdict(trial: PrecisionTrial, tolerance: float) -> tuple[bool, str]:
    if trial.same_top_label and trial.same_top_label[0] < trial.same_top_label[1]:
        same, total = trial.same_top_label
        return False, f"another label is the most probable for {total - same} of {total} samples"
    outputs, answers = trial.outputs_differ_by, trial.answers_differ_by
    if outputs is not None and outputs <= tolerance:
        return True, f"the outputs differ by {outputs:.2%} of their largest number"
    if answers is not None and answers <= tolerance:
        return True, f"the answers differ by {answers:.2%}"
    if answers is None:
        return False, "an answer has another structure than in float32"
    told = "cannot be compared" if outputs is None else f"differ by {outputs:.2%}"
    return False, f"the outputs {told}, the answers differ by {answers:.2%}"


def _culprit(observations: Sequence[Observation]) -> str | None:
    """The layer that the first error of a sample names."""
    for each in observations:
        for error in (each.error, each.error and each.error.__cause__):
            layer = getattr(error, "layer", None)
            if isinstance(error, RequestError | PrecisionError) and layer:
                return str(layer)
    return None
