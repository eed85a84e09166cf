"""How a handler's process ended, in words."""

import os
import re
import signal
from pathlib import Path

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>\S+)')
STACK = "Current thread"
"""What `faulthandler` writes above the stack of the thread that a signal found running."""


class Died(Exception):  # noqa: N818 - an event, which becomes an error elsewhere
    """A process is gone, or was killed because it took too long.

    Attributes:
        how: What happened, such as ``"was killed by SIGSEGV"``.
        output: What it printed last.
        by_kill: Whether SIGKILL from elsewhere ended it, as when memory runs out.
        unread: Whether it is known not to have read the batch.
    """

    def __init__(
        self, how: str, output: str, *, by_kill: bool = False, unread: bool = False
    ) -> None:
        super().__init__(how)
        self.how = how
        self.output = output
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


def place_in(output: str, folder: Path) -> str:
    """Where in *folder* the thread was that *output* ends with the stack of; empty if nowhere.

    Args:
        output: What a process printed; `faulthandler` has written the stacks.
        folder: The archive's folder.
    """
    begin = f"{folder}{os.sep}"
    stacks = output.rpartition(STACK)
    for frame in _FRAME.finditer(stacks[2]):
        if frame["file"].startswith(begin):
            file = frame["file"].removeprefix(begin)
            return f" (at {file}:{frame['line']} in {frame['function']})"
    return ""


def last_line(output: str) -> str:
    """The last line of *output*; empty if there is none."""
    lines = output.splitlines()
    return f" (it wrote last: {lines[-1].strip()})" if lines else ""
