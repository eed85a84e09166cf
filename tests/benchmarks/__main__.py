"""``python -m tests.benchmarks [NAME…]``: run the benchmarks and write `docs/benchmarks.md`.

Each benchmark is a program of its own that prints a Markdown section; each runs in a new process,
one after the other, so that none disturbs another. Sections that are not run keep their text.
"""

import argparse
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

PAGE = Path("docs/benchmarks.md")
NAMES = (
    "packing",
    "loading",
    "running",
    "compatibility",
    "isolating",
    "preprocessing",
    "handlers",
    "metrics",
    "pool",
    "serving",
    "casestudy",
    "startup",
)


def main() -> None:
    """Run the benchmarks that were named, or all, and replace their sections of the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME")
    page = PAGE.read_text(encoding="utf-8")
    Path("build").mkdir(exist_ok=True)
    for name in parser.parse_args().names or NAMES:
        print(f"{name} …", file=sys.stderr)
        page = _replace(page, name, f"{_run(name)}\n\n{_where()}")
        PAGE.write_text(page, encoding="utf-8")


def _run(name: str) -> str:
    command = [sys.executable, "-m", f"tests.benchmarks.{name}"]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(finished.stdout, file=sys.stderr)
    return finished.stdout.strip()


def _where() -> str:
    today = datetime.now(UTC).date().isoformat()
    return (
        f"*{today}, {_processor()}, {torch.get_num_threads()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__.partition('+')[0]}.*"
    )


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    text = facts.read_text(encoding="utf-8") if facts.exists() else ""
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def _replace(page: str, name: str, section: str) -> str:
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in page:
        sys.exit(f"{PAGE} has no place for {name}: add the lines {begin} and {end}")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n\n{section}\n\n{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    main()
