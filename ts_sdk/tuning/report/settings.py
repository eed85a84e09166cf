"""What makes the best candidate's setting last: a `model-config.yaml`, and a profile."""

import json
from typing import Any

import yaml

from ts_sdk.tuning.forms import merged, settings_of
from ts_sdk.tuning.report import TuningReport, figures
from ts_sdk.tuning.report.sentences import rates
from ts_sdk.tuning.space import Candidate

PROFILE_VERSION = 1
_DEVICE_TYPES = {"cuda": "gpu"}


def config_of(report: TuningReport, candidate: Candidate) -> dict[str, Any]:
    """The archive's own `model-config.yaml` with the settings of *candidate* in it."""
    kind, _, index = candidate.device.partition(":")
    changes: dict[str, Any] = {
        "minWorkers": candidate.workers,
        "maxWorkers": candidate.workers,
        "batchSize": candidate.batch_size,
        "maxBatchDelay": candidate.max_batch_delay_ms,
        "deviceType": _DEVICE_TYPES.get(kind, kind),
        **settings_of(candidate),
    }
    config = merged(report.config, changes)
    if kind == "cuda":
        config["deviceIds"] = [int(index or 0)]
    else:
        config.pop("deviceIds", None)
    if candidate.form.is_converted:
        # The converted model is what it is; to compile or cast it once more has no meaning.
        config.pop("pt2", None)
    else:
        config["precision"] = _precision(report, candidate)
    return config


def config_text(report: TuningReport, candidate: Candidate) -> str:
    """`model-config.yaml`, with what it was measured for at its head."""
    measured = report.measured[candidate]
    head = [
        f"Found by mar tune: {candidate.name}.",
        f"{rates(measured)} on {report.hardware.cpu}, {report.hardware.cores} cores"
        + (f", {report.hardware.gpus[0]}." if report.hardware.gpus else "."),
    ]
    if candidate.form.is_converted:
        head.append(f"It belongs to the converted archive, {report.archive.name}.")
    if candidate.threads is not None:
        head.append(f"Each worker computes with {candidate.threads} threads (threads_per_worker).")
    lines = "".join(f"# {line}\n" for line in head)
    body = yaml.safe_dump(config_of(report, candidate), sort_keys=False, allow_unicode=True)
    return f"{lines}{body}"


def profile_text(report: TuningReport, candidate: Candidate) -> str:
    """The profile: the settings, what they did, and on which hardware."""
    profile = {
        "version": PROFILE_VERSION,
        "fingerprint": report.hardware.fingerprint,
        "hardware": report.hardware.to_dict(),
        "archive": {"name": report.name, "version": report.version, "digest": report.digest},
        "model_digest": report.model_digest,
        "objective": report.objective.word,
        "p99_target_ms": report.objective.p99_ms,
        "met": report.met,
        "settings": candidate.to_dict(),
        "config": config_of(report, candidate),
        "measured": figures(report.measured[candidate]),
        "sustained_rps": report.sustained_rps,
    }
    return f"{json.dumps(profile, indent=2)}\n"


def _precision(report: TuningReport, candidate: Candidate) -> Any:  # noqa: ANN401 - a word or a section
    if report.keep_float32 and candidate.precision != "float32":
        return {"dtype": candidate.precision, "keep_float32": list(report.keep_float32)}
    before = report.config.get("precision")
    if isinstance(before, dict) and before.get("dtype") == candidate.precision:
        return before  # with the layers that it keeps in float32
    return candidate.precision
