"""`model-config.yaml`: the settings that travel in an archive."""

import difflib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ts_sdk.devices import is_device_type
from ts_sdk.errors import ConfigError
from ts_sdk.precision import Precision

_logger = logging.getLogger(__name__)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_name(value: object) -> bool:
    return isinstance(value, str)


def _is_list_of_counts(value: object) -> bool:
    return isinstance(value, list) and all(_is_count(item) for item in value)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_precision(value: object) -> bool:
    if isinstance(value, Mapping):
        known = value.keys() <= {"dtype", "keep_float32"}
        return known and value.get("dtype") in list(Precision) and _are_names(value)
    return value in list(Precision)


def _are_names(precision: Mapping[str, object]) -> bool:
    names = precision.get("keep_float32") or []
    return isinstance(names, list) and all(map(_is_name, names))


_COUNT = (_is_count, "a whole number of 0 or more")
_SWITCH = (_is_switch, "true or false")
_NAME = (_is_name, "a word")
_MAPPING = (_is_mapping, "a section of names and values")
_KNOWN: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "minWorkers": _COUNT,
    "maxWorkers": _COUNT,
    "batchSize": _COUNT,
    "maxBatchDelay": _COUNT,
    "responseTimeout": _COUNT,
    "startupTimeout": _COUNT,
    "jobQueueSize": _COUNT,
    "deviceType": (is_device_type, "cpu, gpu, mps or neuron"),
    "deviceIds": (_is_list_of_counts, "a list of whole numbers"),
    "parallelType": _NAME,
    "useVenv": _SWITCH,
    "asyncCommunication": _SWITCH,
    "precision": (
        _is_precision,
        f"one of {', '.join(Precision)}, or a section of dtype (one of these) and keep_float32",
    ),
    "handler": _MAPPING,
    "micro_batching": _MAPPING,
}
"""Keys whose values are checked; any other key belongs to the handler."""


def handler_section(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Section `handler` of what a `model-config.yaml` says, empty when there is none.

    Raises:
        ConfigError: It is no section.
    """
    section = (values or {}).get("handler") or {}
    if not isinstance(section, dict):
        raise ConfigError(
            f"model-config.yaml: handler must be a section of names and values, not {section!r}"
        )
    return section


@dataclass(frozen=True)
class ModelConfig:
    """What `model-config.yaml` says; everything is absent when there is no such file.

    Attributes:
        values: The whole file, as handlers see it in `Context.model_yaml_config`.
    """

    values: dict[str, Any] = field(default_factory=dict)

    @property
    def batch_size(self) -> int:
        """`batchSize`: most requests in one batch, 1 when absent."""
        return max(1, self.values.get("batchSize") or 1)

    @property
    def max_batch_delay_ms(self) -> int | None:
        """`maxBatchDelay`: how long a request may wait for others, in milliseconds, or None."""
        return self.values.get("maxBatchDelay")

    @property
    def workers(self) -> int | None:
        """`minWorkers`, or `maxWorkers` where that is absent or 0; None without both."""
        return self.values.get("minWorkers") or self.values.get("maxWorkers") or None

    @property
    def queue_size(self) -> int | None:
        """`jobQueueSize`: how many requests may wait, or None."""
        return self.values.get("jobQueueSize")

    @property
    def device_type(self) -> str | None:
        """`deviceType`: ``cpu``, ``gpu``, ``neuron``, ``mps`` or None."""
        return self.values.get("deviceType")

    @property
    def device_ids(self) -> list[int] | None:
        """`deviceIds`: indexes of the devices, or None."""
        return self.values.get("deviceIds")

    @property
    def precision(self) -> str | None:
        """`precision`, or `dtype` in that section: a word of `ts_sdk.Precision`, or None."""
        value = self.values.get("precision")
        return value["dtype"] if isinstance(value, Mapping) else value

    @property
    def keep_float32(self) -> tuple[str, ...]:
        """`keep_float32` in section `precision`: patterns of layers that stay in float32."""
        value = self.values.get("precision")
        return tuple(value.get("keep_float32") or ()) if isinstance(value, Mapping) else ()

    @property
    def stateful(self) -> bool:
        """Whether requests belong to sequences, so that no batch may be run twice."""
        return bool(self.values.get("sequenceBatching") or self.values.get("continuousBatching"))

    @property
    def asynchronous(self) -> bool:
        """`asyncCommunication`: whether the handler takes many batches at once."""
        return bool(self.values.get("asyncCommunication"))

    @property
    def response_timeout_s(self) -> int | None:
        """`responseTimeout`: seconds that a batch may take, or None."""
        return self.values.get("responseTimeout")

    @property
    def startup_timeout_s(self) -> int | None:
        """`startupTimeout`: seconds that starting a worker may take, or None."""
        return self.values.get("startupTimeout")

    @classmethod
    def read(cls, path: Path) -> "ModelConfig":
        """Read and check a file.

        Raises:
            ConfigError: It is no YAML mapping, or a known key has a value of the wrong kind; all
                problems are named.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{path.name}, which the manifest names, cannot be read: {error.strerror or error}"
            ) from error
        return cls.parse(content, path.name)

    @classmethod
    def parse(cls, content: bytes, name: str) -> "ModelConfig":
        """Check what a file holds.

        Args:
            content: The file's content.
            name: What it is called, for the messages.

        Raises:
            ConfigError: As for `read`.
        """
        import yaml

        try:
            values = yaml.safe_load(content.decode("utf-8"))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(f"{name} is not valid YAML: {error}") from error
        if values is None:
            return cls()
        if not isinstance(values, dict):
            raise ConfigError(
                f"{name} holds a {type(values).__name__}; it must hold names with values, "
                "such as 'batchSize: 8'"
            )
        return cls.checked(values, name)

    @classmethod
    def checked(cls, values: dict[str, Any], name: str) -> "ModelConfig":
        """Check values by the names that they have in such a file.

        Args:
            values: The values.
            name: What they come from, for the messages.

        Raises:
            ConfigError: A known key has a value of the wrong kind; all problems are named.
        """
        problems = _problems(name, values)
        if problems:
            raise ConfigError("; ".join(problems), problems=problems)
        return cls(values)


def _problems(name: str, values: dict[str, Any]) -> tuple[str, ...]:
    problems = []
    for key, value in values.items():
        known = _KNOWN.get(key) if isinstance(key, str) else None
        if known is None:
            meant = misspelt_setting(str(key))
            if meant is not None:
                _logger.warning("%s: %s is not a setting; did you mean %s?", name, key, meant)
        elif value is not None and not known[0](value):
            problems.append(f"{name}: {key} must be {known[1]}, not {value!r}")
    return tuple(problems)


def misspelt_setting(key: str) -> str | None:
    """The setting that *key*, which is none, was probably meant to be; None when there is none."""
    if key in _KNOWN:
        return None
    folded = {known.lower().replace("_", ""): known for known in _KNOWN}
    given = key.lower().replace("_", "").replace("-", "")
    swapped = [known for known in folded if sorted(known) == sorted(given)]  # letters out of order
    close = swapped or difflib.get_close_matches(given, folded, n=1, cutoff=0.85)
    return folded[close[0]] if close else None
