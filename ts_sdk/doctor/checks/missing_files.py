"""Files that are opened while an archive is loaded, and that it does not hold."""

import ast
import posixpath
from collections.abc import Iterator

from ts_sdk.doctor.archive_paths import path_in_archive
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.loading_code import loading_calls
from ts_sdk.doctor.sources import Source
from ts_sdk.doctor.subject import Subject

_READING = frozenset(
    {
        "PIL.Image.open",
        "codecs.open",
        "io.open",
        "joblib.load",
        "numpy.genfromtxt",
        "numpy.load",
        "numpy.loadtxt",
        "open",
        "pandas.read_csv",
        "pandas.read_json",
        "torch.jit.load",
        "torch.load",
    }
)
_READING_METHODS = frozenset({"read_bytes", "read_text"})
_HARMLESS = frozenset(
    {"os.fspath", "os.path.join", "pathlib.Path", "pathlib.PurePath", "print", "str"}
)
_MAKING = frozenset({"extract", "extractall", "makedirs", "symlink"})
_MAKING_MODULES = ("shutil.", "subprocess.", "urllib.request.")
_MAKING_CALLS = frozenset({"os.chdir", "os.rename", "os.replace", "os.system"})
_MAKING_WORDS = ("download", "retrieve", "unpack_archive")


def missing_files(subject: Subject) -> Iterator[Finding]:
    """Files that loading certainly opens for reading, by names that the code spells out."""
    if any(map(_makes_files, subject.reachable)):
        return
    touched: set[str] | None = None
    for each in loading_calls(subject):
        path = _path_read(each.source, each.call)
        if path is None or _is_there(subject, path):
            continue
        if touched is None:
            touched = {name for source in subject.reachable for name in _touched(source)}
        if posixpath.basename(path) not in touched:
            yield Finding(
                check="missing-file",
                severity=Severity.CHANGE,
                member=each.source.name,
                line=each.call.lineno,
                message=f"{each.who} opens {path!r} while the model is loaded, and the archive "
                "does not hold it",
                fix=f"add {path} with --extra-files",
            )


def _is_there(subject: Subject, path: str) -> bool:
    if path == "." or path in subject.names or path.startswith("MAR-INF"):
        return True
    return any(name.startswith(f"{path}/") for name in subject.names)


def _path_read(source: Source, call: ast.Call) -> str | None:
    """The path below the archive's folder that a call reads, None where it does not tell."""
    if source.dotted(call.func) in _READING:
        modes = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "mode")]
        is_open = source.dotted(call.func).endswith("open")
        if not call.args or (is_open and not all(map(_is_for_reading, modes))):
            return None
        return path_in_archive(source, call.args[0])
    match call.func:
        case ast.Attribute(value=value, attr=name) if name in _READING_METHODS:
            return path_in_archive(source, value)
        case ast.Attribute(value=ast.BinOp() as value, attr="open"):
            is_read = all(map(_is_for_reading, call.args[:1])) and not call.keywords
            return path_in_archive(source, value) if is_read else None
    return None


def _is_for_reading(mode: ast.expr) -> bool:
    return isinstance(mode, ast.Constant) and not set(str(mode.value)) & set("wax+")


def _makes_files(source: Source) -> bool:
    """Whether code may put files into the archive's folder, or go to another one."""
    for call, full in source.calls:
        last = call.func.attr if isinstance(call.func, ast.Attribute) else full
        if (
            full in _MAKING_CALLS
            or last in _MAKING
            or full.startswith(_MAKING_MODULES)
            or any(word in last for word in _MAKING_WORDS)
        ):
            return True
    return False


def _touched(source: Source) -> Iterator[str]:
    """The names of files that are given to a call which may make them, or ask for them."""
    for call, full in source.calls:
        if full in _HARMLESS or _path_read(source, call) is not None:
            continue
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            given.append(call.func.value)
        for expression in given:
            path = path_in_archive(source, expression)
            if path is not None:
                yield posixpath.basename(path)
