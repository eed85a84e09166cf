"""Paths that mean another file when the handler answers than when it was loaded.

While an archive is loaded, its folder is the working directory; afterwards it is the program's own,
unless the handler has a process of its own.
"""

import ast
import posixpath
from collections.abc import Iterator
from pathlib import Path

from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.handler_code import Place
from ts_sdk.doctor.subject import Subject

_TAKING_PATHS = frozenset(
    {
        "PIL.Image.open",
        "PIL.ImageFont.truetype",
        "cv2.imread",
        "io.open",
        "joblib.load",
        "numpy.load",
        "numpy.loadtxt",
        "open",
        "os.listdir",
        "os.path.exists",
        "os.path.isfile",
        "pandas.read_csv",
        "pandas.read_json",
        "pathlib.Path",
        "torch.jit.load",
        "torch.load",
    }
)
_TAKING_PATHS_OF_ANY = frozenset({"InferenceSession", "from_pretrained"})
_WRITING_MODES = frozenset("wax")


def relative_paths(subject: Subject) -> Iterator[Finding]:
    """Files of the archive that are opened by a relative path while the handler answers."""
    code = subject.handler_code
    for place in code.answering if code is not None else ():
        for call, path in _paths_in(place):
            if path.startswith("/") or _is_while_loading(place, call):
                continue
            if _writes(call):
                yield _writing(place, call, path)
            elif _is_of_archive(subject, path):
                yield Finding(
                    check="relative-path",
                    severity=Severity.CHANGE,
                    member=place.source.name,
                    line=call.lineno,
                    message=f"{place.function.name}() opens {path!r} by a relative path, which "
                    "leads to the archive's folder only while the model is loaded",
                    fix="join it with system_properties['model_dir'], or load with "
                    "isolation='process'",
                )


def absolute_paths(subject: Subject) -> Iterator[Finding]:
    """Files that are read by an absolute path and are not on this machine."""
    for place in subject.functions_run():
        for call, path in _paths_in(place):
            if path.startswith("/") and not _writes(call) and not Path(path).exists():
                yield Finding(
                    check="absolute-path",
                    severity=Severity.CHANGE,
                    member=place.source.name,
                    line=call.lineno,
                    message=f"{place.function.name}() opens {path!r}, which is not on this machine",
                    fix="pack the file, and join its name with system_properties['model_dir']",
                )


def _writing(place: Place, call: ast.Call, path: str) -> Finding:
    return Finding(
        check="relative-path",
        severity=Severity.NOTE,
        member=place.source.name,
        line=call.lineno,
        message=f"{place.function.name}() writes {path!r} into the program's working directory",
        fix="write into a folder of tempfile, or load with isolation='process'",
    )


def _paths_in(place: Place) -> Iterator[tuple[ast.Call, str]]:
    """Each call that is given a path as a literal."""
    for node in ast.walk(place.function):
        match node:
            case ast.Call(args=[ast.Constant(value=str(path)), *_]) if path:
                name = place.source.dotted(node.func)
                last = node.func.attr if isinstance(node.func, ast.Attribute) else name
                if name in _TAKING_PATHS or last in _TAKING_PATHS_OF_ANY:
                    yield node, path


def _is_of_archive(subject: Subject, path: str) -> bool:
    name = posixpath.normpath(path)
    return name in subject.names or any(each.startswith(f"{name}/") for each in subject.names)


def _writes(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "mode")]
    return any(
        isinstance(mode, ast.Constant) and set(str(mode.value)) & _WRITING_MODES for mode in modes
    )


def _is_while_loading(place: Place, node: ast.AST) -> bool:
    """Whether code is under a test by which a function loads the model when first called."""
    return any(
        isinstance(around, ast.If)
        and child is not around.test
        and any(word in ast.unparse(around.test) for word in ("None", "initialized"))
        for around, child in place.source.ancestors(node)
    )
