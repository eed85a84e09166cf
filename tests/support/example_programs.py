"""The examples' programs, run as their readers run them."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


def run(program, folder, *options):
    """What a program of an example prints, given the folder that it works in."""
    command = [sys.executable, str(EXAMPLES / program), str(folder), *map(str, options)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def number(name, printed):
    """The first number behind *name* in what was printed."""
    return float(re.search(rf"{name} (\d\.\d+)", printed)[1])
