"""Test a handler: requests as they come over the wire, the promises of the contract, golden files.

Importing this package imports neither torch nor pytest nor hypothesis; the first name that needs
one does. The strategies for hypothesis are in `ts_sdk.testing.strategies`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ts_sdk.testing.building import load_handler
    from ts_sdk.testing.case import HandlerCase
    from ts_sdk.testing.checks import CHECKS
    from ts_sdk.testing.closeness import Difference, Tolerance, assert_close_json, differences
    from ts_sdk.testing.contexts import Exchange, make_context
    from ts_sdk.testing.expectations import Expectations
    from ts_sdk.testing.hostile import hostile_examples
    from ts_sdk.testing.parametrize import parametrize_checks
    from ts_sdk.testing.picture_files import random_image
    from ts_sdk.testing.promise import Check, CheckSkipped, PromiseBroken, check
    from ts_sdk.testing.report import CheckReport, CheckResult
    from ts_sdk.testing.requests import (
        base64_request,
        explain_request,
        file_request,
        image_request,
        json_request,
        multipart_request,
        open_inference_request,
        tensor_request,
        text_request,
    )
    from ts_sdk.testing.running import run_checks
    from ts_sdk.testing.snapshots import SnapshotError, Snapshots
    from ts_sdk.testing.sources import ArchiveSource, HandlerSource

__all__ = [
    "CHECKS",
    "ArchiveSource",
    "Check",
    "CheckReport",
    "CheckResult",
    "CheckSkipped",
    "Difference",
    "Exchange",
    "Expectations",
    "HandlerCase",
    "HandlerSource",
    "PromiseBroken",
    "SnapshotError",
    "Snapshots",
    "Tolerance",
    "assert_close_json",
    "base64_request",
    "check",
    "differences",
    "explain_request",
    "file_request",
    "hostile_examples",
    "image_request",
    "json_request",
    "load_handler",
    "make_context",
    "multipart_request",
    "open_inference_request",
    "parametrize_checks",
    "random_image",
    "run_checks",
    "tensor_request",
    "text_request",
]

_HOMES = {
    "CHECKS": "checks",
    "ArchiveSource": "sources",
    "Check": "promise",
    "CheckReport": "report",
    "CheckResult": "report",
    "CheckSkipped": "promise",
    "Difference": "closeness",
    "Exchange": "contexts",
    "Expectations": "expectations",
    "HandlerCase": "case",
    "HandlerSource": "sources",
    "PromiseBroken": "promise",
    "SnapshotError": "snapshots",
    "Snapshots": "snapshots",
    "Tolerance": "closeness",
    "assert_close_json": "closeness",
    "base64_request": "requests",
    "check": "promise",
    "differences": "closeness",
    "explain_request": "requests",
    "file_request": "requests",
    "hostile_examples": "hostile",
    "image_request": "requests",
    "json_request": "requests",
    "load_handler": "building",
    "make_context": "contexts",
    "multipart_request": "requests",
    "open_inference_request": "requests",
    "parametrize_checks": "parametrize",
    "random_image": "picture_files",
    "run_checks": "running",
    "tensor_request": "requests",
    "text_request": "requests",
}
"""Where a name is defined."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
