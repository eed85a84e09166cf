"""Where in the user's own code an error came from, and what can be done about it."""

import linecache
import pickle
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from ts_sdk.errors import SdkError

_REFUSED_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_PHASES = ("initialize", "preprocess", "inference", "postprocess")


@dataclass(frozen=True)
class Culprit:
    """The innermost line of the archive's code that an error passed through.

    Attributes:
        file: Path relative to the archive's folder.
        line: Line number, counted from 1.
        function: Name of the function.
        source: The line's text.
    """

    file: str
    line: int
    function: str
    source: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line} in {self.function}"
        return f"{place}: {self.source}" if self.source else place


def explain(error: BaseException, folder: Path) -> str:
    """*error* with its place in *folder* and what to do about it."""
    culprit = culprit_of(error, folder)
    place = f" ({culprit})" if culprit else ""
    return f"{describe(error)}{place}{_advice(error, folder)}"


def describe(error: BaseException) -> str:
    """The type and the message of *error*; of one that `ts_sdk` raises, the message says it all."""
    message = str(error).strip()
    if isinstance(error, SdkError):
        return message
    if _is_refused_pickle(error):
        names = ", ".join(dict.fromkeys(_REFUSED_GLOBAL.findall(message)))
        wanted = names or "more than tensors"
        return f"torch.load refuses the file, a pickle that wants to import {wanted}"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def culprit_of(error: BaseException, folder: Path) -> Culprit | None:
    """The line in *folder* that *error* came through last, None when it came through none."""
    if isinstance(error, SyntaxError) and error.filename and _is_in(error.filename, folder):
        return _of_syntax_error(error, folder)
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if _is_in(frame.filename, folder)]
    if not inside:
        return None
    last = inside[-1]
    return Culprit(
        str(Path(last.filename).relative_to(folder)),
        last.lineno or 0,
        last.name,
        (last.line or "").strip(),
    )


def phase_of(error: BaseException) -> str | None:
    """The handler's phase that *error* came through, None when there is none."""
    frames = traceback.walk_tb(error.__traceback__)
    names = (frame.f_code.co_name for frame, _ in frames)
    return next((name for name in names if name in _PHASES), None)


def _is_in(filename: str, folder: Path) -> bool:
    return Path(filename).is_relative_to(folder)


def _of_syntax_error(error: SyntaxError, folder: Path) -> Culprit:
    path = Path(error.filename or "")
    line = error.lineno or 0
    source = linecache.getline(str(path), line).strip()
    return Culprit(str(path.relative_to(folder)), line, "<module>", source)


def _advice(error: BaseException, folder: Path) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _advice_on_module(error.name.partition(".")[0], folder)
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str):
        return _advice_on_file(error.filename, folder)
    if _is_refused_pickle(error):
        return (
            "; save the state dict alone, or, if you trust whoever made the file, load the archive "
            "with trust_pickle=True (--trust-pickle)"
        )
    return ""


def _is_refused_pickle(error: BaseException) -> bool:
    """Whether it is torch's refusal of a full pickle, which fills a screen."""
    return isinstance(error, pickle.UnpicklingError) and str(error).startswith("Weights only load")


def _advice_on_module(top: str, folder: Path) -> str:
    if top == "ts":
        return ""  # the error says itself what became of TorchServe's module
    if (folder / top).exists() or (folder / f"{top}.py").exists():
        return ""
    return (
        f"; install the package that provides {top!r} in this environment, or add the file that "
        "defines it to the archive with --extra-files"
    )


def _advice_on_file(name: str, folder: Path) -> str:
    """TorchServe's workers stay in the archive's folder; here it is left after `initialize`."""
    path = folder / name  # of an absolute name, the name
    if not path.is_relative_to(folder):
        return ""
    if path.exists():
        return "; open it in the archive's folder, context.system_properties['model_dir']"
    return f"; the archive does not hold {path.relative_to(folder)}: add it with --extra-files"
