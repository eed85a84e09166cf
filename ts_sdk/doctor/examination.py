"""`examine`: one archive, looked through by every check."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import DEFAULT_LIMITS, Archive, InvalidArchiveError, ManifestError
from archiver.inspection import inspect
from ts_sdk.doctor.findings import Finding, Report, Severity, sorted_by_gravity

if TYPE_CHECKING:
    from archiver import Limits
    from ts_sdk.doctor.checks import Check
    from ts_sdk.doctor.subject import Subject


def examine(path: str | os.PathLike[str], *, limits: "Limits" = DEFAULT_LIMITS) -> Report:
    """Say whether an archive runs here, and if not why; nothing of it is run or unpickled.

    Args:
        path: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        limits: What it may hold, archives in it included.

    Returns:
        The verdict and what it comes of. An archive that cannot be opened has a report too.

    Raises:
        InvalidArchiveError: There is nothing at *path*.
    """
    place = Path(path)
    try:
        with Archive.open(place, limits=limits) as archive:
            return Report(
                path=place,
                model_name=archive.manifest.model.model_name,
                findings=_findings_in(archive, limits),
            )
    except (InvalidArchiveError, ManifestError) as error:
        if not place.exists():
            raise
        return _not_opened(place, error.problems)
    except OSError as error:  # it went away, or its disk did
        return _not_opened(place, [f"it cannot be read: {error.strerror or error}"])


def _findings_in(archive: Archive, limits: "Limits") -> tuple[Finding, ...]:
    from ts_sdk.doctor.checks import CHECKS
    from ts_sdk.doctor.subject import Subject

    subject = Subject(archive, inspect(archive), limits)
    found = [finding for check in CHECKS for finding in _found_by(check, subject)]
    # What is imported and missing is told with its place, and needs no second line.
    told = {finding.fix for finding in found if finding.check == "missing-import"}
    return sorted_by_gravity(
        finding
        for finding in found
        if finding.check != "requirement" or not finding.fix or finding.fix not in told
    )


def _found_by(check: "Check", subject: "Subject") -> list[Finding]:
    try:
        return list(check(subject))
    except RecursionError:
        message = f"the code is nested too deeply to look for {check.__name__.replace('_', ' ')}"
        return [Finding(check="too-deep", severity=Severity.NOTE, message=message)]


def _not_opened(path: Path, problems: Iterable[str]) -> Report:
    findings = tuple(
        Finding(check="not-opened", severity=Severity.BLOCKS, message=problem)
        for problem in problems
    )
    return Report(path=path, model_name=None, findings=findings)
