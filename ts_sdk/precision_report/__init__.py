"""Measuring which precision is safe for a model and its inputs, and which layers to keep."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import DEFAULT_LIMITS, Limits
from ts_sdk.precision import Precision
from ts_sdk.precision_report.report import (
    LayerDrift,
    OutputDrift,
    PrecisionReport,
    PrecisionTrial,
)

if TYPE_CHECKING:
    import torch

    from ts_sdk.cache import ExtractionCache
    from ts_sdk.model import Model
    from ts_sdk.precision_report.trying import Bench

__all__ = ["LayerDrift", "OutputDrift", "PrecisionReport", "PrecisionTrial", "measure_precision"]

REDUCED = tuple(word for word in Precision if word is not Precision.FLOAT32)
TOLERANCE = 0.02


def measure_precision(  # noqa: PLR0913 - options given by name
    path: str | os.PathLike[str],
    samples: Iterable[object],
    *,
    device: "str | torch.device | None" = None,
    precisions: Sequence[str] = REDUCED,
    tolerance: float = TOLERANCE,
    find_layers: bool = True,
    trust_pickle: bool = False,
    cache: "ExtractionCache | None" = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[Precision], None] = lambda _: None,
) -> PrecisionReport:
    """Answer samples in float32 and in reduced precisions, and compare outputs and layers.

    A precision is safe for these samples when each is answered, its most probable label is the
    same (where answers have labels with probabilities), and either the model's outputs or the
    answers differ by *tolerance* at most: a number of an output as a share of the largest number in
    it, a probability as it is.

    The archive is loaded anew for each trial; its handler must keep the model in ``self.model``.

    Args:
        path: An archive or a folder of sources, as for `load`.
        samples: Requests, as `Model.predict` takes them; the more, the more the verdict is worth.
        device: Where to run; None takes what `load` takes.
        precisions: Words of `Precision` to try.
        tolerance: The largest difference that is safe, as a share.
        find_layers: Whether to look for layers that make an unsafe precision safe when they stay in
            float32. It takes some more trials.
        trust_pickle: As for `load`.
        cache: As for `load`.
        limits: As for `load`.
        progress: Is called with each precision when it is done.

    Returns:
        What was measured. What cannot run in a precision is told in its trial.

    Raises:
        RequestError: A sample is not answered in float32.
        PrecisionError: The handler keeps no model that can be looked at.
        LoadError: The archive cannot be loaded.
    """
    from ts_sdk.loader import load
    from ts_sdk.precision_report.observing import observe
    from ts_sdk.precision_report.trying import Bench

    words = [Precision.parse(word) for word in precisions]
    given = list(samples)
    if not given:
        raise ValueError("measure_precision() needs a sample")
    opened = partial(
        load,
        path,
        device=device,
        trust_pickle=trust_pickle,
        cache=cache,
        limits=limits,
        tuned=False,
    )

    def open_in(precision: Precision, keep: tuple[str, ...]) -> "Model":
        return opened(precision=precision, keep_float32=keep)

    with open_in(Precision.FLOAT32, ()) as model:
        expected = [observe(model, sample) for sample in given]
        for index, each in enumerate(expected):
            if each.error is not None:
                each.error.index = index
                raise each.error
        bench = Bench(open_in, model, given, expected, tolerance)
        return PrecisionReport(
            path=Path(path),
            device=str(model.device),
            samples=len(given),
            tolerance=tolerance,
            float32=_reference(bench),
            trials=tuple(_tried(bench, word, progress, find_layers=find_layers) for word in words),
        )


def _reference(bench: "Bench") -> PrecisionTrial:
    from ts_sdk.precision_report.observing import module_of, request_ms, weights_bytes

    return PrecisionTrial(
        Precision.FLOAT32,
        safe=True,
        reason="what the others are compared with",
        weights_bytes=weights_bytes(module_of(bench.float32)),
        request_ms=request_ms(bench.float32, bench.samples),
    )


def _tried(
    bench: "Bench", word: Precision, progress: Callable[[Precision], None], *, find_layers: bool
) -> PrecisionTrial:
    from dataclasses import replace

    from ts_sdk.precision_report.remedies import find_remedy

    tried = bench.try_out(word)
    trial = tried.trial
    if find_layers and not trial.safe:
        trial = replace(trial, remedy=find_remedy(bench, tried))
    progress(word)
    return trial
