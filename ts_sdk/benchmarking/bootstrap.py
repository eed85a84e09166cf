"""Confidence intervals of a change that was measured in pairs of rounds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from ts_sdk.benchmarking.errors import BenchmarkError

LEAST_ROUNDS = 5
_RESAMPLES = 10_000


@dataclass(frozen=True)
class Change:
    """How much a figure has changed.

    Attributes:
        estimate: The change, as a share: 0.1 for ten percent more.
        low: The lower end of its confidence interval.
        high: The upper end.
    """

    estimate: float
    low: float
    high: float


def change_of(
    before: Sequence[float], now: Sequence[float], *, confidence: float, seed: int
) -> Change:
    """The change from *before* to *now*, and its confidence interval.

    Round i of one was measured next to round i of the other, so that what slows the machine for a
    while slows both. With d_i = ln(now_i / before_i), the change is exp(mean d) - 1: the geometric
    mean of the ratios. The interval is that of the percentile bootstrap over the pairs: of 10 000
    samples of as many d_i, drawn with replacement, the quantiles a and 1 - a of exp(mean) - 1.
    With few rounds n, percentile intervals are too narrow; a is therefore not (1 - confidence) / 2
    but Phi(-t sqrt(n / (n - 1))), where t is that quantile of Student's distribution with n - 1
    degrees of freedom (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015: expanded
    percentile interval).

    Args:
        before: The figure in each round, above 0.
        now: As many.
        confidence: How often such an interval has the true change in it, 0 to 1.
        seed: Makes the same interval of the same figures.

    Raises:
        BenchmarkError: There are fewer than five rounds, or a figure is not above 0.
    """
    import numpy as np

    _check(before, now, confidence)
    logs = np.log(np.asarray(now)) - np.log(np.asarray(before))
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(logs), size=(_RESAMPLES, len(logs)))
    means = logs[drawn].mean(axis=1)
    outside = tail(len(logs), confidence)
    low, high = np.quantile(means, (outside, 1 - outside))
    estimate = float(logs.mean())
    return Change(math.expm1(estimate), math.expm1(float(low)), math.expm1(float(high)))


def tail(rounds: int, confidence: float) -> float:
    """The share of the bootstrap's distribution that is left out on either side."""
    normal = NormalDist()
    beyond = student_quantile(1 - (1 - confidence) / 2, rounds - 1)
    return normal.cdf(-beyond * math.sqrt(rounds / (rounds - 1)))


def student_quantile(probability: float, freedom: int) -> float:
    """A quantile of Student's distribution, by its expansion in the normal one's.

    Right to 1 % from 4 degrees of freedom on, for probabilities up to 0.975 (Abramowitz and Stegun,
    26.7.5).
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    corrections = (term / float(freedom) ** power for power, term in enumerate(terms, start=1))
    return math.fsum((z, *corrections))


def _check(before: Sequence[float], now: Sequence[float], confidence: float) -> None:
    if len(before) != len(now) or len(now) < LEAST_ROUNDS:
        raise BenchmarkError(
            f"an interval needs {LEAST_ROUNDS} rounds or more of both, not {len(before)} and "
            f"{len(now)}"
        )
    if not all(math.isfinite(each) and each > 0 for each in (*before, *now)):
        raise BenchmarkError("a change is measured of figures above 0, and one is not")
    if not 0 < confidence < 1:
        raise BenchmarkError(f"the confidence must lie between 0 and 1, not {confidence!r}")
