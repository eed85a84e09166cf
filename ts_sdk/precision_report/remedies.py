"""Finding the layers that make a precision safe when they stay in float32."""

from ts_sdk.precision_report.layers import badness
from ts_sdk.precision_report.report import LayerDrift, PrecisionTrial
from ts_sdk.precision_report.trying import Bench, Tried

MOST_LAYERS = 8
_SHARE_OF_OUTER = 0.5


def find_remedy(bench: Bench, tried: Tried) -> PrecisionTrial | None:
    """The trial of the same precision in which as few layers as were found stay in float32.

    One layer after the other is kept, whichever the model blames for a failure, else the one with
    the largest error of its own, until all is safe; then those that are not needed are let go.

    Args:
        bench: What to try with.
        tried: A trial that is not safe.

    Returns:
        A trial that is safe, None when there is none with up to `MOST_LAYERS` layers.
    """
    suspects = _suspects(tried.trial.layers)
    kept: tuple[str, ...] = ()
    while len(kept) < MOST_LAYERS:
        layer = _next(tried, suspects, kept)
        if layer is None:
            return None
        kept = (*kept, layer)
        tried = bench.try_out(tried.trial.precision, kept, with_layers=not suspects)
        suspects = suspects or _suspects(tried.trial.layers)
        if tried.trial.safe:
            return _without_needless(bench, tried.trial)
    return None


def _suspects(layers: tuple[LayerDrift, ...]) -> list[str]:
    """The layers that make an error, the worst first, without those whose inner ones make it."""
    # Beside layers that were called alone, one that was not lies inside of a compiled one.
    alone = [drift for drift in layers if drift.own is not None or drift.problem]
    errors = {drift.name: badness(drift) for drift in alone or layers}
    return [
        name
        for name, error in errors.items()
        if error > 0
        and not any(
            inner.startswith(f"{name}.") and inner_error >= error * _SHARE_OF_OUTER
            for inner, inner_error in errors.items()
        )
    ]


def _next(tried: Tried, suspects: list[str], kept: tuple[str, ...]) -> str | None:
    if tried.culprit and tried.culprit not in kept:
        return tried.culprit
    return next((name for name in suspects if name not in kept), None)


def _without_needless(bench: Bench, trial: PrecisionTrial) -> PrecisionTrial:
    for layer in trial.keep_float32:
        fewer = tuple(name for name in trial.keep_float32 if name != layer)
        if fewer:
            tried = bench.try_out(trial.precision, fewer, with_layers=False)
            trial = tried.trial if tried.trial.safe else trial
    return trial
