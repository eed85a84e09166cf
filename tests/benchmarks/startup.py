"""Starting: what a new process pays before it does anything."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measuring import (
    installed_environment,
    interleaved,
    markdown_table,
    milliseconds,
)

_BIN = Path(sys.executable).parent


def main() -> None:
    """Print the table."""
    timings = interleaved(
        {
            "`python -c pass`": _run(sys.executable, "-c", "pass"),
            '`python -c "import archiver"`': _run(sys.executable, "-c", "import archiver"),
            '`python -c "import ts_sdk"`': _run(sys.executable, "-c", "import ts_sdk"),
            "`mar-pack --help`": _run(str(_BIN / "mar-pack"), "--help"),
            "`mar --help`": _run(str(_BIN / "mar"), "--help"),
        },
        repeats=21,
    )
    bare = timings["`python -c pass`"].median
    print("A whole new process each time, the interpreter's own start included.\n")
    rows = [
        [name, milliseconds(one), f"{(one.median - bare) * 1e3:.0f} ms"]
        for name, one in timings.items()
    ]
    print(markdown_table(["", "time", "beyond the bare interpreter"], rows))


def _run(*command: str) -> Callable[[], None]:
    def run() -> None:
        subprocess.run(command, check=True, capture_output=True, env=installed_environment())

    return run


if __name__ == "__main__":
    main()
