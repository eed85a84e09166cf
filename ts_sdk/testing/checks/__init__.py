"""Every promise, in the order in which they are judged."""

from ts_sdk.testing.checks import (
    answers,
    archive,
    batches,
    determinism,
    devices,
    explanations,
    growth,
    hostile,
    importing,
    lifecycle,
    metrics,
    state,
    surroundings,
)
from ts_sdk.testing.promise import Check

_MODULES = (
    answers,
    batches,
    hostile,
    determinism,
    state,
    lifecycle,
    devices,
    metrics,
    explanations,
    surroundings,
    importing,
    archive,
    growth,
)

CHECKS: tuple[Check, ...] = tuple(
    found for module in _MODULES for found in vars(module).values() if isinstance(found, Check)
)
