"""Whether model-config.yaml can be read, and what of it nobody acts on."""

from collections.abc import Iterator

from ts_sdk.config import misspelt_setting
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.subject import Subject

_NOT_DONE = {
    "continuousBatching": "requests are not joined to a running batch",
    "parallelType": "a model runs on one device",
    "torchrun": "a model runs in one process",
}


def unreadable_config(subject: Subject) -> Iterator[Finding]:
    """A config that the loader refuses."""
    for problem in subject.config_problems:
        yield Finding(
            check="config",
            severity=Severity.CHANGE,
            member=subject.model.config_file,
            message=problem.removeprefix(f"{subject.model.config_file}: "),
            fix="correct it and pack again",
        )


def response_timeout(subject: Subject) -> Iterator[Finding]:
    """A time limit, which needs a process that can be ended."""
    if "responseTimeout" in subject.config.values:
        yield Finding(
            check="config",
            severity=Severity.NOTE,
            member=subject.model.config_file,
            message="responseTimeout acts only with isolation='process' (or 'venv'): in the "
            "program's own process nothing is cut off",
            fix="load with isolation='process' (--isolation process), if it is to act",
        )


def idle_settings(subject: Subject) -> Iterator[Finding]:
    """Settings that nothing acts on here, and names that look misspelt."""
    member = subject.model.config_file
    for key in map(str, subject.config.values):
        meant = misspelt_setting(key)
        if key in _NOT_DONE:
            message, fix = f"{key} has no effect here: {_NOT_DONE[key]}", None
        elif meant is not None:
            message, fix = f"{key} is not a setting", f"write {meant}, if that is meant"
        else:
            continue
        yield Finding(
            check="config", severity=Severity.NOTE, member=member, message=message, fix=fix
        )
    if (subject.config.device_type or "").lower() == "neuron":
        yield Finding(
            check="config",
            severity=Severity.NOTE,
            member=member,
            message="deviceType is neuron, which is not supported: another device is taken",
            fix="say device= when loading",
        )
