"""`Expectations`: what is said beforehand of a handler under test."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from ts_sdk.errors import ConfigError
from ts_sdk.testing.closeness import Tolerance

SECTION = "testing"
"""The section of `model-config.yaml` that holds them."""


@dataclass(frozen=True)
class Expectations:
    """What is said beforehand of a handler under test.

    Attributes:
        deterministic: Whether the same request gets the same answer each time, once
            `torch.manual_seed` was called.
        tolerance: How far answers may be apart that should be equal; None takes that of the
            precision which the model computes in.
        precisions: What the model is promised to compute in besides float32: its answers stay
            close to those in float32.
        expected_failures: Name of a check → why the handler does not keep its promise.
    """

    deterministic: bool = True
    tolerance: Tolerance | None = None
    precisions: tuple[str, ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Self:
        """What section ``testing`` of a `model-config.yaml` says.

        Raises:
            ConfigError: A name or a value in it is wrong; all problems are named.
        """
        section = config.get(SECTION) or {}
        if not isinstance(section, Mapping):
            raise ConfigError(
                f"model-config.yaml: {SECTION} must be a section of names and values, not "
                f"{section!r}"
            )
        problems = tuple(_problems(section))
        if problems:
            raise ConfigError(f"model-config.yaml: {'; '.join(problems)}", problems=problems)
        given = dict(section)
        if "tolerance" in given:
            given["tolerance"] = Tolerance(**given["tolerance"])
        if "precisions" in given:
            given["precisions"] = tuple(given["precisions"])
        return cls(**given)

    def but(self, **changes: Any) -> Self:  # noqa: ANN401 - the attributes of this class
        """These expectations with some of them replaced."""
        return replace(self, **changes)


def _problems(section: Mapping[str, Any]) -> list[str]:
    from ts_sdk.precision import Precision

    known = {each.name for each in fields(Expectations)}
    problems = [_unknown(name, known) for name in section if name not in known]
    if not isinstance(section.get("deterministic", True), bool):
        problems.append(f"{SECTION}.deterministic must be true or false")
    if not _is_tolerance(section.get("tolerance", {})):
        problems.append(f"{SECTION}.tolerance must be a section of rtol and atol, both numbers")
    precisions = section.get("precisions", [])
    if not isinstance(precisions, list) or not set(map(str, precisions)) <= set(Precision):
        problems.append(f"{SECTION}.precisions must be a list of {', '.join(Precision)}")
    failures = section.get("expected_failures", {})
    if not isinstance(failures, Mapping) or not all(isinstance(x, str) for x in failures.values()):
        problems.append(f"{SECTION}.expected_failures must give each check's name a reason")
    return problems


def _is_tolerance(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and value.keys() <= {"rtol", "atol"}
        and all(isinstance(each, int | float) and each >= 0 for each in value.values())
    )


def _unknown(name: object, known: set[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    suggestion = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
    return f"there is no {SECTION}.{name}{suggestion}"
