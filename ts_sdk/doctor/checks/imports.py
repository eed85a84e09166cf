"""Whether all that the code imports is there."""

import posixpath
import sys
from collections.abc import Iterator
from dataclasses import replace

from archiver.nearest import nearest_name
from ts_sdk.doctor.distributions import (
    REMOVED_FROM_PYTHON,
    UNAVAILABLE,
    is_known_package,
    is_of,
    wish_for,
)
from ts_sdk.doctor.environment import has_module
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.old_names import is_old_name, old_name_problem
from ts_sdk.doctor.sources import Import, Source
from ts_sdk.doctor.subject import Subject


def unparsable_sources(subject: Subject) -> Iterator[Finding]:
    """Files that are imported and are not Python, or not this Python."""
    for name, error in subject.broken.items():
        yield Finding(
            check="syntax-error",
            severity=Severity.BLOCKS,
            member=name,
            line=error.lineno,
            message=f"this does not parse: {error.msg or error}",
            fix="correct it (what only Python 2 understands has to be rewritten) and pack again",
        )


def missing_imports(subject: Subject) -> Iterator[Finding]:
    """Modules that are neither in the archive nor installed; each is told once."""
    found: dict[str, tuple[Severity, Source, Import]] = {}
    for source in subject.reachable:
        for each in source.imports:
            if each.level or not _is_missing(subject, each):
                continue
            severity = _severity_of(subject, source, each)
            if severity is None or (severity is Severity.NOTE and not subject.is_main(source)):
                continue  # vendored code imports much that is never needed
            known = found.get(each.top)
            if known is None or (known[0] is Severity.NOTE and severity is not Severity.NOTE):
                found[each.top] = (severity, source, each)
    for top, (severity, source, each) in found.items():
        yield _missing(subject, top, severity, source, each)


def _is_missing(subject: Subject, each: Import) -> bool:
    if not each.top or subject.own.owns(each.top) or is_old_name(each.module):
        return False
    return not has_module(each.top)


def _severity_of(subject: Subject, source: Source, each: Import) -> Severity | None:
    """How much a missing module matters; None where the code gets along without it."""
    if each.is_optional:
        return None
    if each.instead_of:
        tops = {module.partition(".")[0] for module in each.instead_of}
        if all(subject.own.owns(top) or is_old_name(top) or has_module(top) for top in tops):
            return None
    is_unpacked_first = each.top in subject.zipped_names  # by the handler, which then imports it
    if each.is_conditional or is_unpacked_first or not subject.is_run(each.within, source):
        return Severity.NOTE
    return Severity.BLOCKS if each.top in UNAVAILABLE else Severity.CHANGE


def _missing(
    subject: Subject, top: str, severity: Severity, source: Source, each: Import
) -> Finding:
    when = f" when {each.within[-1].name}() is called" if each.within else ""
    if each.is_conditional:
        when += " under a condition"
    message = f"{each.module} is imported{when}"
    if top in UNAVAILABLE:
        message, fix = f"{message}: {UNAVAILABLE[top]}", f"rewrite what uses {top}"
    elif top in REMOVED_FROM_PYTHON:
        message += f", which Python has no more since {REMOVED_FROM_PYTHON[top]}"
        fix = f"import something else than {top}, or run it with an older Python"
    else:
        message += (
            " and is not installed"
            if is_known_package(top)
            else (" and is neither in the archive nor installed")
        )
        fix = what_to_install(subject, top)
    return Finding(
        check="missing-import",
        severity=severity,
        member=source.name,
        line=each.line,
        message=message,
        fix=fix,
    )


def what_to_install(subject: Subject, top: str) -> str:
    """How *top* gets there: as the archive's requirements ask for it, if they do."""
    for _, requirement in subject.requirements.values():
        if is_of(requirement.name, top):
            return f"pip install '{requirement}'"
    if is_known_package(top):
        return f"pip install '{wish_for(top)}'"
    # The name of a forgotten file may be that of somebody's package: it is not for pip as it is.
    return f"pack {top} with --extra-files if it is a file of yours, else install what brings it"


def old_names(subject: Subject) -> Iterator[Finding]:
    """Names of TorchServe's own package that are not to be had here."""
    for source in subject.reachable:
        for each in source.imports:
            if each.level or not is_old_name(each.module) or subject.own.owns(each.top):
                continue
            severity = _severity_of(subject, source, each)
            problem = old_name_problem(each.module) or next(
                filter(None, (old_name_problem(each.module, name) for name in each.names)), None
            )
            if severity is not None and problem is not None:
                is_needed = severity is not Severity.NOTE
                yield Finding(
                    check="old-name",
                    severity=Severity.BLOCKS if is_needed else Severity.NOTE,
                    member=source.name,
                    line=each.line,
                    message=problem,
                )


def missing_own_names(subject: Subject) -> Iterator[Finding]:
    """Names that are imported from the archive's own files, which do not define them."""
    for source in subject.reachable:
        for each in source.imports:
            if each.is_optional or each.is_conditional:
                continue
            if subject.is_run(each.within, source):
                yield from _missing_own_names(subject, source, each)


def _missing_own_names(subject: Subject, source: Source, each: Import) -> Iterator[Finding]:
    module = source.absolute(each.module, each.level)
    if each.level and "/" not in source.name:
        dotted = f"{'.' * each.level}{each.module}"
        finding = _blocking(
            source,
            each,
            "relative-import",
            f"it imports {dotted} with dots, and is in no package",
            f"write it without the dots: from {each.module or '...'} import ...",
        )
        yield replace(finding, severity=Severity.CHANGE)
        return
    if not module or not (each.level or subject.own.owns(each.top)):
        return
    if each.top in sys.stdlib_module_names and not each.level:
        return  # Python's own module may go before the archive's
    member = subject.own.member_of(module)
    if member is None:
        if not subject.own.is_folder(module):
            yield _blocking(
                source,
                each,
                "missing-own-module",
                f"{module} is imported from a package of the archive that has no such module",
                f"pack {module.replace('.', '/')}.py too (--extra-files)",
            )
        return
    yield from _names_not_in(subject, source, each, member, module)


def _names_not_in(
    subject: Subject, source: Source, each: Import, member: str, module: str
) -> Iterator[Finding]:
    defined = subject.parsed(member)
    if defined is None or defined.outline.may_bind_more:
        return
    for name in each.names:
        is_there = (
            name in defined.outline.names
            or name == "*"
            or subject.own.member_of(f"{module}.{name}") is not None
            or subject.own.is_folder(f"{module}.{name}")
        )
        if is_there:
            continue
        nearest = nearest_name(name, sorted(defined.outline.names))
        meant = f"; did you mean {nearest}?" if nearest else ""
        yield _blocking(
            source,
            each,
            "missing-own-name",
            f"{name} is imported from {member}, which defines no such name{meant}",
            f"pack the {posixpath.basename(member)} that defines it: torch-model-archiver lets a "
            "file overwrite another one of the same name",
        )


def _blocking(source: Source, each: Import, check: str, message: str, fix: str) -> Finding:
    return Finding(
        check=check,
        severity=Severity.BLOCKS,
        member=source.name,
        line=each.line,
        message=message,
        fix=fix,
    )
