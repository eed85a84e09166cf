"""TorchServe's benchmark configs: what their keys mean, and which have no meaning here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_REQUESTS = 100
_CONCURRENCY = 10
_BATCH_DELAY_MS = 200
_PROCESSORS = ("cpu",)
_KNOWN = frozenset(
    {
        "url",
        "workers",
        "batch_delay",
        "batch_size",
        "requests",
        "concurrency",
        "input",
        "processors",
        "content_type",
        "gpus",
    }
)
_AS_HERE: Mapping[str, tuple[object, ...]] = {
    "benchmark_engine": ("ab",),
    "exec_env": ("local",),
    "backend_profiling": (False,),
    "stream": (False, "false"),
    "docker_runtime": ("",),
    "image": ("",),
    "ts": (False,),
    "handler_profiling": (False, True),
    "inference_model_url": ("predictions/benchmark",),
}
"""Keys without an effect, and the values by which nothing is missed."""
_WHY_IGNORED = {
    "benchmark_engine": "the requests come from this process",
    "exec_env": "the archive is served in this process",
    "image": "there is no container",
    "docker_runtime": "there is no container",
    "backend_profiling": "mar profile shows where the time goes",
    "stream": "answers are counted when they are whole",
    "ts_version": "this library serves the archive",
    "metrics_cmd": "commands are not run; the report is in the output folder",
    "report_cmd": "commands are not run; the report is in the output folder",
    "config_properties": "there is no server that reads it",
    "ts": "no other server is asked",
    "inference_model_url": "predictions are measured, nothing else",
}
_LISTS = frozenset({"workers", "batch_size"})
_SUITE = frozenset({"models", "ts_version", "hardware", "metrics_cmd", "report_cmd"})
_HARDWARE = {"gpu": "gpus"}
"""A suite's word for a processor → a config's, where they differ."""


@dataclass(frozen=True)
class Entry:
    """One mode of one model.

    Attributes:
        config: The file that it stands in.
        name: Its mode and model, as TorchServe's reports call it.
        url: Where the archive is.
        input: The file that is sent.
        workers: Numbers of workers to try.
        batch_sizes: Sizes of batches to try.
        batch_delay_ms: How long a request waits for others, in milliseconds.
        requests: How many are sent.
        concurrency: How many at a time.
        processors: ``cpu`` or another word, or a mapping such as ``{"gpus": "all"}``.
        content_type: What the input is, None where nothing is said.
    """

    config: Path
    name: str
    url: str
    input: str
    workers: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    batch_delay_ms: float
    requests: int
    concurrency: int
    processors: tuple[object, ...]
    content_type: str | None


def entries_in(config: Path, ignored: list[str], problems: list[str]) -> Iterator[Entry]:
    """What *config*, and configs that it lists, have to run.

    Args:
        config: The file.
        ignored: Takes a sentence for each key without an effect.
        problems: Takes a sentence for each thing that is wrong.
    """
    document = _read(config, problems)
    if document is None:
        return
    if "models" in document and document.keys() <= _SUITE:
        yield from _listed(config, document, ignored, problems)
    elif "url" in document:
        yield from _entry(config, "benchmark", document, ignored, problems)
    else:
        for model, modes in document.items():
            if not isinstance(modes, Mapping):
                problems.append(f"{config}: {model} must hold modes, such as eager_mode")
                continue
            for mode, values in modes.items():
                yield from _entry(config, f"{mode}_{model}", values, ignored, problems)


def _listed(
    config: Path, document: Mapping[str, Any], ignored: list[str], problems: list[str]
) -> Iterator[Entry]:
    others = sorted(document.keys() - {"models", "hardware"})
    ignored += [f"{key}: {_WHY_IGNORED[key]}" for key in others]
    wanted = str(document.get("hardware", "cpu"))
    hardware = _HARDWARE.get(wanted, wanted)
    for named in document["models"] or ():
        path = _found(config, str(named))
        if path is None:
            problems.append(
                f"{config}: there is no config {named} beside it, nor in models_config/ there"
            )
            continue
        for entry in entries_in(path, ignored, problems):
            kept = tuple(each for each in entry.processors if _word_of(each) == hardware)
            yield Entry(**{**vars(entry), "processors": kept})


def _found(config: Path, named: str) -> Path | None:
    places = (config.parent / named, config.parent / "models_config" / named)
    return next((path for path in places if path.is_file()), None)


def _word_of(processor: object) -> str:
    return next(iter(processor), "") if isinstance(processor, Mapping) else str(processor)


def _entry(
    config: Path, name: str, values: object, ignored: list[str], problems: list[str]
) -> Iterator[Entry]:
    if not isinstance(values, Mapping):
        problems.append(f"{config}: {name} must hold keys such as url and workers")
        return
    _note_ignored(values, ignored)
    wrong = len(problems)
    where = f"{config}: {name}"
    missing = [key for key in ("url", "input") if not isinstance(values.get(key), str)]
    problems += [f"{where} has no {key}" for key in missing]
    counts = {
        "workers": _counts(values, "workers", (1,), where, problems),
        "batch_sizes": _counts(values, "batch_size", (1,), where, problems),
    }
    requests, *_ = _counts(values, "requests", (_REQUESTS,), where, problems)
    concurrency, *_ = _counts(values, "concurrency", (_CONCURRENCY,), where, problems)
    delay_ms = values.get("batch_delay", _BATCH_DELAY_MS)
    if not isinstance(delay_ms, int | float) or delay_ms < 0:
        problems.append(f"{where}: batch_delay must be 0 ms or more, not {delay_ms!r}")
    if len(problems) > wrong:
        return
    yield Entry(
        config,
        name,
        values["url"],
        values["input"],
        **counts,
        batch_delay_ms=delay_ms,
        requests=requests,
        concurrency=concurrency,
        processors=_processors(values),
        content_type=values.get("content_type"),
    )


def _processors(values: Mapping[str, Any]) -> tuple[object, ...]:
    named = values.get("processors")
    if named is None:
        return ({"gpus": values["gpus"]},) if values.get("gpus") else _PROCESSORS
    return tuple(named) if isinstance(named, list) else (named,)


def _counts(
    values: Mapping[str, Any],
    key: str,
    default: tuple[int, ...],
    where: str,
    problems: list[str],
) -> tuple[int, ...]:
    given = values.get(key, default)
    many = isinstance(given, list | tuple) and key in _LISTS
    listed = tuple(given) if many or given is default else (given,)
    if not listed or not all(type(each) is int and each > 0 for each in listed):
        what = "whole numbers" if key in _LISTS else "a whole number"
        problems.append(f"{where}: {key} must be {what} of 1 or more, not {given!r}")
        return default
    return listed


def _note_ignored(values: Mapping[str, Any], ignored: list[str]) -> None:
    for key, value in values.items():
        if key in _KNOWN or value in _AS_HERE.get(key, ()):
            continue
        reason = _WHY_IGNORED.get(key, "it has no meaning here")
        ignored.append(f"{key}: {value}: {reason}")


def _read(config: Path, problems: list[str]) -> Mapping[str, Any] | None:
    try:
        document = yaml.safe_load(config.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{config} cannot be read: {error.strerror}")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"{config} is no YAML: {error}")
    else:
        if isinstance(document, Mapping):
            return document
        problems.append(f"{config} must hold models with their modes")
    return None
