"""Calls of `torch.load` that refuse what they are given, since torch 2.6 reads weights only."""

import ast
import posixpath
from collections.abc import Iterator, Mapping

from ts_sdk.doctor.checks.weights import refused_by_weights_only
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.literal_paths import asks_for_serialized_file, literal_path
from ts_sdk.doctor.sources import Source
from ts_sdk.doctor.subject import Subject

_SCRIPTED = "which is TorchScript"
_TRUST = "load with trust_pickle=True (--trust-pickle) if you trust whoever made it"
_SAY_SO = "pass weights_only=False in its place if you trust whoever made it"


def refused_loads(subject: Subject) -> Iterator[Finding]:
    """Calls that read a file which holds more than weights, as if it held weights only."""
    refused = _refused_members(subject)
    if not refused or any("safe_globals" in name for name in _names_called(subject)):
        return
    for source in subject.reachable:
        for call, name in source.calls:
            if name == "torch.load" and _reads_weights_only(call):
                yield from _judge(subject, source, call, refused)


def _judge(
    subject: Subject, source: Source, call: ast.Call, refused: Mapping[str, str]
) -> Iterator[Finding]:
    member = _member_read(subject, source, call)
    if member is not None and member not in refused:
        return
    others = {name for name in _members_of_torch(subject) if name not in refused}
    named = [member] if member is not None else list(refused)
    is_certain = member is not None or not others
    is_run = subject.is_run(source.functions_around(call), source)
    what = f"{named[0]}, {refused[named[0]]}" if len(named) == 1 else ", ".join(named)
    verb = "reads" if is_certain else "may read"
    scripted = all(refused[name] == _SCRIPTED for name in named)
    yield Finding(
        check="torch-load",
        severity=Severity.CHANGE if is_certain and is_run else Severity.NOTE,
        member=source.name,
        line=call.lineno,
        message=f"torch.load {verb} {what}, and since torch 2.6 it refuses all but weights",
        fix="read it with torch.jit.load" if scripted else _how_to_trust(call),
    )


def _how_to_trust(call: ast.Call) -> str:
    """What lets a call read it: the loader's option is for those that say nothing themselves."""
    says_so = any(keyword.arg == "weights_only" for keyword in call.keywords)
    return _SAY_SO if says_so else _TRUST


def _refused_members(subject: Subject) -> dict[str, str]:
    """The members that `torch.load` refuses, and why."""
    refused = {
        name: _SCRIPTED for name, each in subject.serialized.items() if each.form == "torchscript"
    }
    for pickle in subject.pickles:
        names = [each.full for each in refused_by_weights_only(pickle)]
        form = subject.serialized.get(pickle.member)
        if names and form is not None and form.form in {"torch zip", "pickle"}:
            refused[pickle.member] = f"which holds {names[0]}"
    return refused


def _members_of_torch(subject: Subject) -> Iterator[str]:
    """The members that `torch.load` can be given."""
    for name, each in subject.serialized.items():
        if each.form in {"torch zip", "pickle", "torchscript"}:
            yield name


def _reads_weights_only(call: ast.Call) -> bool:
    for keyword in call.keywords:
        if keyword.arg == "pickle_module":
            return False
        if keyword.arg == "weights_only":
            return isinstance(keyword.value, ast.Constant) and keyword.value.value is True
    return True


def _member_read(subject: Subject, source: Source, call: ast.Call) -> str | None:
    """The member that a call reads, None where its argument does not tell."""
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "f")]
    for expression in given:
        path = literal_path(source, expression)
        if path is not None:
            file = posixpath.basename(path)
            return next((name for name in subject.names if posixpath.basename(name) == file), file)
        if asks_for_serialized_file(source, expression):
            return subject.model.serialized_file
    return None


def _names_called(subject: Subject) -> set[str]:
    return {name for source in subject.reachable for _, name in source.calls}
