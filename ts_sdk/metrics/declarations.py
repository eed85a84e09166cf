"""`metrics.yaml`: metrics that are declared before they are used, in TorchServe's format.

Beyond that, a histogram may have ``buckets``. Other keys are passed over, as by TorchServe, except
for those that look like a slip of the pen.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ts_sdk.metrics.buckets import checked_buckets
from ts_sdk.metrics.errors import (
    MetricError,
    MetricFileError,
    MetricKeyError,
    MetricTypeError,
    MetricValueError,
)
from ts_sdk.metrics.sample import MetricTypes

_SECTION = "model_metrics"
_KEYS = ("name", "unit", "dimensions")
_BUCKETS = "buckets"


@dataclass(frozen=True)
class Declaration:
    """A metric that a file declares.

    Attributes:
        name: Its name.
        unit: Its unit as it was written.
        dimensions: Names of its dimensions.
        type: Its type.
        buckets: Upper bounds of a histogram's buckets; None for those that suit the unit.
    """

    name: str
    unit: str
    dimensions: list[str]
    type: MetricTypes
    buckets: tuple[float, ...] | None = None


def read(path: str | os.PathLike[str]) -> object:
    """What the YAML file *path* holds.

    Raises:
        MetricTypeError: No path was given.
        MetricFileError: The file cannot be read.
        MetricYamlError: It is no YAML.
    """
    import yaml

    from ts_sdk.metrics.yaml_error import MetricYamlError

    if not path:
        raise MetricTypeError(f"the path of a metrics file was expected, not {path!r}")
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - handlers pass text too
            return yaml.safe_load(file)
    except OSError as error:
        raise MetricFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MetricYamlError(f"{path} is not valid YAML: {error}") from error


def declarations_in(values: object, source: str) -> list[Declaration]:
    """The metrics that *values*, read from *source*, declare under ``model_metrics``.

    Raises:
        MetricError: A key is missing or a value wrong; all problems are named, and the class is
            that of the first.
    """
    found: list[Declaration] = []
    problems: list[MetricError] = []
    for each in _each(values):
        if isinstance(each, Declaration):
            found.append(each)
        else:
            problems.append(each)
    if problems:
        told = "; ".join(map(str, problems))
        raise type(problems[0])(f"{os.path.basename(source)}: {told}")  # noqa: PTH119 - as above
    return found


def _each(values: object) -> Iterator[Declaration | MetricError]:
    if not isinstance(values, Mapping):
        yield MetricTypeError(f"it must hold the section {_SECTION}, not {values!r}")
        return
    if _SECTION not in values:
        yield MetricKeyError(f"the section {_SECTION} is missing")
        return
    section = values[_SECTION]
    if not section:
        yield MetricValueError(f"{_SECTION} is empty; list metrics under counter, gauge, histogram")
    elif not isinstance(section, Mapping):
        yield MetricTypeError(f"{_SECTION} must have the keys {_types()}, not {section!r}")
    else:
        for key, listed in section.items():
            yield from _of_type(key, listed)


def _of_type(key: object, listed: object) -> Iterator[Declaration | MetricError]:
    place = f"{_SECTION}.{key}"
    try:
        metric_type = MetricTypes(key)
    except ValueError:
        meant = _meant(str(key), [each.value for each in MetricTypes])
        yield MetricKeyError(f"{place} is no type of metric; there are {_types()}{meant}")
        return
    if not isinstance(listed, list | None):
        yield MetricTypeError(f"{place} must be a list of metrics, not {listed!r}")
        return
    for index, entry in enumerate(listed or ()):
        yield _declaration(f"{place}[{index}]", entry, metric_type)


def _declaration(place: str, entry: object, metric_type: MetricTypes) -> Declaration | MetricError:
    if not isinstance(entry, Mapping):
        return MetricTypeError(f"{place} must have the keys {', '.join(_KEYS)}, not {entry!r}")
    missing = [key for key in _KEYS if key not in entry]
    if missing:
        others = [str(key) for key in entry if key not in _KEYS]
        meant = "".join(_meant(key, missing, of=f"{place}.{key}") for key in others)
        return MetricKeyError(f"{place} has no {' and no '.join(missing)}{meant}")
    for key in ("name", "unit"):
        if not isinstance(entry[key], str):
            return MetricTypeError(f"{place}.{key} must be text, not {entry[key]!r}")
    dimensions = entry["dimensions"] or []
    if not isinstance(dimensions, list) or not all(isinstance(each, str) for each in dimensions):
        return MetricTypeError(f"{place}.dimensions must be a list of names, not {dimensions!r}")
    try:
        buckets = _buckets(place, entry, metric_type)
    except MetricError as error:
        return error
    return Declaration(entry["name"], entry["unit"], dimensions, metric_type, buckets)


def _buckets(
    place: str, entry: Mapping[object, object], metric_type: MetricTypes
) -> tuple[float, ...] | None:
    """What *entry* says of a histogram's buckets.

    Raises:
        MetricKeyError: It is no histogram, or the key is misspelled.
        MetricTypeError: They are no list of numbers.
        MetricValueError: They do not rise.
    """
    if _BUCKETS not in entry:
        for key in entry:
            meant = _meant(str(key), [_BUCKETS]) if key not in _KEYS else ""
            if meant:
                raise MetricKeyError(f"{place}.{key} is not known{meant}")
        return None
    if metric_type is not MetricTypes.HISTOGRAM:
        raise MetricKeyError(f"{place} is a {metric_type.value}: a histogram alone has {_BUCKETS}")
    given = entry[_BUCKETS]
    numbers = isinstance(given, list) and all(type(each) in {int, float} for each in given)
    if not isinstance(given, list) or not numbers:
        raise MetricTypeError(f"{place}.{_BUCKETS} must be a list of numbers, not {given!r}")
    return checked_buckets(str(entry["name"]), given)


def _meant(given: str, known: Iterable[str], of: str = "") -> str:
    """What to ask where *given* is close to a word that is *known*; else nothing."""
    near = difflib.get_close_matches(given.lower(), known, n=1, cutoff=0.7)
    return f"; did you mean {near[0]!r}{of and f' by {of}'}?" if near else ""


def _types() -> str:
    return ", ".join(each.value for each in MetricTypes)
