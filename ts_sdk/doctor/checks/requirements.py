"""Whether what the archive's requirements file asks for is installed."""

from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from ts_sdk.doctor.distributions import REPLACED, UNAVAILABLE
from ts_sdk.doctor.environment import normalized, version_of
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.subject import Subject
from ts_sdk.requirements import asked_packages

_OUR_OWN = frozenset({"torch", "torchvision", "numpy", "pillow"})
"""What this library needs itself, so that no environment can have another one for the archive."""


def unmet_requirements(subject: Subject) -> Iterator[Finding]:
    """Requirements that are not installed, or are at another version."""
    member = subject.model.requirements_file
    for name, (number, requirement) in subject.requirements.items():
        if name in REPLACED:
            continue
        installed = version_of(requirement.name)
        if installed is None:
            yield _absent(member, number, requirement)
        elif not requirement.specifier.contains(installed, prereleases=True):
            yield _differing(member, number, requirement, installed)


def unread_requirements(subject: Subject) -> Iterator[Finding]:
    """Lines that name no package which could be looked up."""
    member = subject.model.requirements_file
    for number, line in asked_packages(subject.text(member) or b""):
        try:
            Requirement(line)
        except InvalidRequirement:
            yield Finding(
                check="requirement",
                severity=Severity.NOTE,
                member=member,
                line=number,
                message=f"whether {line!r} is installed cannot be told",
            )


def _absent(member: str | None, number: int, requirement: Requirement) -> Finding:
    name = normalized(requirement.name)
    if name in UNAVAILABLE:
        return Finding(
            check="requirement",
            severity=Severity.NOTE,
            member=member,
            line=number,
            message=f"{requirement} is not installed: {UNAVAILABLE[name]}",
        )
    return Finding(
        check="requirement",
        severity=Severity.CHANGE,
        member=member,
        line=number,
        message=f"{requirement} is not installed",
        fix=f"pip install '{requirement}'",
    )


def _differing(
    member: str | None, number: int, requirement: Requirement, installed: Version
) -> Finding:
    is_ours = normalized(requirement.name) in _OUR_OWN
    return Finding(
        check="requirement",
        severity=Severity.NOTE,
        member=member,
        line=number,
        message=f"{requirement} is asked for, and {installed} is installed",
        fix=None if is_ours else "if it does not work with that, load with isolation='venv'",
    )
