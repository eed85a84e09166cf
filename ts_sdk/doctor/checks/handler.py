"""Whether there is a handler here, and which one is meant."""

from collections.abc import Iterator

from archiver.nearest import nearest_name
from archiver.planning.handler_choice import BUILT_IN_HANDLERS, SPECIAL_HANDLERS
from ts_sdk.doctor.environment import installed_handlers
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.sources import needed_arguments
from ts_sdk.doctor.subject import Subject
from ts_sdk.errors import HandlerLoadError


def absent_handler(subject: Subject) -> Iterator[Finding]:
    """A handler that is neither in the archive nor offered by an installed package."""
    declared = subject.model.handler
    if subject.archive.manifest.runtime == "LSP":
        yield _blocks("the archive is for TorchServe's C++ backend, which is not here", None)
        return
    if subject.handler_member is not None or declared is None:
        return
    name = declared.partition(":")[0]
    if name in installed_handlers():
        return
    if name in SPECIAL_HANDLERS:
        yield _blocks(
            f"the handler {name} comes with TorchServe only, and needs {SPECIAL_HANDLERS[name]}",
            "write a handler that calls the library itself",
        )
    elif name in BUILT_IN_HANDLERS:
        known = ", ".join(sorted(installed_handlers()))
        yield _blocks(
            f"the built-in handler {name} is not in this release, which has {known}",
            "write a handler for it, or wait for the release that has it",
        )
    else:
        nearest = nearest_name(name, [*subject.names, *installed_handlers()])
        meant = f"; did you mean {nearest!r}?" if nearest else ""
        yield _blocks(
            f"the handler {declared!r} is neither in the archive nor built in{meant}",
            "pack the file that the handler is in",
        )


def unclear_entry_point(subject: Subject) -> Iterator[Finding]:
    """A handler file that starts with nothing, or with one of several classes."""
    entry, member = subject.entry, subject.handler_member
    if entry is None or member is None:
        return
    if entry.candidates:
        names = ", ".join(entry.candidates)
        yield Finding(
            check="ambiguous-handler",
            severity=Severity.CHANGE,
            member=member,
            line=_line_of(subject, entry.candidates[0]),
            message=f"several classes could be the handler: {names}",
            fix=f"name one in the manifest: pack with --handler {member}:{entry.candidates[0]}",
        )
    elif entry.is_missing:
        wanted = subject.wanted_entry
        what = (
            f"no function or class {wanted!r}"
            if wanted
            else ("neither a function handle(data, context) nor a class with a method handle")
        )
        yield Finding(
            check="no-entry-point",
            severity=Severity.BLOCKS,
            member=member,
            message=f"it defines {what}",
            fix="pack with --handler FILE:NAME, where NAME is what starts it",
        )


def missing_methods(subject: Subject) -> Iterator[Finding]:
    """A handler class that has not what the loader calls, and no base that could have it."""
    entry = subject.entry
    if entry is not None and entry.class_name is not None and entry.lacks:
        yield Finding(
            check="missing-method",
            severity=Severity.CHANGE,
            member=subject.handler_member,
            line=_line_of(subject, entry.class_name),
            message=f"{entry.class_name} has no {' and no '.join(entry.lacks)} method",
            fix="subclass ts_sdk.BaseHandler, which has it, or write it",
        )


def demanding_constructor(subject: Subject) -> Iterator[Finding]:
    """A handler class that cannot be called without arguments."""
    place = None if subject.handler_code is None else subject.handler_code.constructor
    needed = [] if place is None else needed_arguments(place.function.args)
    if place is not None and needed and not place.function.decorator_list:
        yield Finding(
            check="handler-needs-arguments",
            severity=Severity.CHANGE,
            member=place.source.name,
            line=place.function.lineno,
            message=f"the handler is made without arguments, and needs {', '.join(needed)}",
            fix="read what it needs from the context in initialize()",
        )


def assumed_handler(subject: Subject) -> Iterator[Finding]:
    """An archive without a manifest, or without a handler in it."""
    if not subject.archive.has_manifest:
        handler = subject.model.handler or "base_handler (no file is clearly the handler)"
        yield Finding(
            check="no-manifest",
            severity=Severity.NOTE,
            message=f"it has no MANIFEST.json: by the files' names, the handler is {handler}",
            fix="pack it with mar-pack, which writes one",
        )


def unknown_envelope(subject: Subject) -> Iterator[Finding]:
    """A request envelope that is neither known nor a file of the archive."""
    name = subject.model.envelope
    if name is None or f"{name.removesuffix('.py')}.py" in subject.names:
        return
    from ts_sdk.envelopes import find_envelope

    try:
        find_envelope(name)
    except HandlerLoadError as error:
        yield Finding(
            check="unknown-envelope",
            severity=Severity.CHANGE,
            message=str(error),
            fix="load with envelope= one of those",
        )


def _line_of(subject: Subject, name: str) -> int | None:
    source = subject.parsed(subject.handler_member)
    found = None if source is None else source.classes.get(name)
    return None if found is None else found.lineno


def _blocks(message: str, fix: str | None) -> Finding:
    return Finding(check="no-handler", severity=Severity.BLOCKS, message=message, fix=fix)
