"""Files that get into each other's way."""

import sys
from collections.abc import Iterator

from archiver.names import clash_problems
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.subject import Subject


def clashing_names(subject: Subject) -> Iterator[Finding]:
    """Members that cannot lie in one folder on a file system that ignores case."""
    for problem in clash_problems(member.name for member in subject.archive.members):
        yield Finding(
            check="clashing-names",
            severity=Severity.NOTE,
            message=f"{problem}: on a file system that ignores case, one overwrites the other",
            fix="rename one of them",
        )


def self_imports(subject: Subject) -> Iterator[Finding]:
    """Files that are called as a package which they import, so that they find themselves."""
    for source in subject.reachable:
        for each in source.imports:
            if each.level or each.is_optional or not subject.is_run(each.within, source):
                continue
            if subject.own.member_of(each.module) == source.name and "/" not in source.name:
                yield Finding(
                    check="shadowed-module",
                    severity=Severity.BLOCKS,
                    member=source.name,
                    line=each.line,
                    message=f"it imports {each.module}, and finds itself: it is called like that",
                    fix="rename the file",
                )
                break


def shadowed_standard_modules(subject: Subject) -> Iterator[Finding]:
    """The archive's own files under the name of a module of Python, where they are imported."""
    for source in subject.reachable:
        for each in source.imports:
            member = subject.own.member_of(each.top)
            if each.level or each.top not in sys.stdlib_module_names or member is None:
                continue
            if member != source.name and "/" not in member:
                yield Finding(
                    check="shadowed-module",
                    severity=Severity.NOTE,
                    member=source.name,
                    line=each.line,
                    message=f"it imports {each.top}, and gets Python's own module where that is "
                    f"loaded already, else the archive's {member}",
                    fix="rename the archive's file",
                )
