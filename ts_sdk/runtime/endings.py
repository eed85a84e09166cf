"""How a handler's process ended, in words."""

import os
import re
import signal
from pathlib import Path

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>\S+)')
STACK = "Current thread"
"""What `faulthandler` writes above the stack of the thread that a signal found running."""
_OUR_THREAD = os.path.join("ts_sdk", "runtime", "watch.py")  # noqa: PTH118 - a part of a path's text


class Died(Exception):  # noqa: N818 - an event, which becomes an error elsewhere
    """A process is gone, or was killed because it took too long.

    Attributes:
        how: What happened, such as ``"was killed by SIGSEGV"``.
        output: What it printed last.
        report: Where its threads were, as `faulthandler` tells; empty if it did not.
        by_kill: Whether SIGKILL from elsewhere ended it, as when memory runs out.
        unread: Whether it is known not to have read the batch.
    """

    def __init__(
        self,
        how: str,
        output: str = "",
        report: str = "",
        *,
        by_kill: bool = False,
        unread: bool = False,
    ) -> None:
        super().__init__(how)
        self.how = how
        self.output = output
        self.report = report
        self.by_kill = by_kill
        self.unread = unread


def ending(code: int) -> str:
    """What the exit code of a process means, negative where it is a signal's."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    out_of_memory = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was killed by {name}{out_of_memory}"


def of_handler(report: str) -> str:
    """*report* of `faulthandler` without our own thread, and without the list of modules."""
    paragraphs = report.split("\n\n")
    return "\n\n".join(
        each
        for each in paragraphs
        if _OUR_THREAD not in each and not each.startswith("Extension modules:")
    )


def place_in(report: str, folder: Path) -> str:
    """Where in *folder* the thread was that *report* ends with the stack of; empty if nowhere.

    Args:
        report: The stacks of a process's threads, as `faulthandler` writes them.
        folder: The archive's folder.
    """
    begin = f"{folder}{os.sep}"
    stacks = report.rpartition(STACK)
    for frame in _FRAME.finditer(stacks[2]):
        if frame["file"].startswith(begin):
            file = frame["file"].removeprefix(begin)
            return f" (at {file}:{frame['line']} in {frame['function']})"
    return ""


def last_line(output: str) -> str:
    """The last line of *output*; empty if there is none."""
    lines = output.splitlines()
    return f" (it wrote last: {lines[-1].strip()})" if lines else ""
