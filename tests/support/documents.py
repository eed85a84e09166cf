"""Run what the documentation shows: every fenced block of a page, from top to bottom.

A page starts in an empty folder of its own, or, with ``<!-- folder: demo -->``, in a copy of the
one that ``make demo`` leaves. What becomes of a block depends on its language:

* ``python`` runs; when its first line is a file name in a comment, it becomes that file instead.
* ``text`` is what the ``python`` block above it printed.
* ``console`` runs line by line; lines without ``$`` are what the command above them printed.
  A command that fails is followed by ``echo $?``.
* ``yaml``, ``json`` and ``toml`` parse; a file name in the first line makes a file here too.
* A block without a language is a drawing.

``...`` stands for output left out. ``<!-- skip: next "reason" -->`` leaves out one block.
"""

import contextlib
import doctest
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import yaml
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.abstract.lexers import LexerCollection
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer
from sybil.typing import Evaluator

REPOSITORY = Path(__file__).parents[2]
LANGUAGES = {"python", "text", "console", "yaml", "json", "toml"}

FILE_NAME = re.compile(r"# ([\w./-]+\.\w+)\n")
SEPARATOR = "\x1e"
CONSOLE_WIDTH = 100


def documentation() -> list[Path]:
    """The pages that are run."""
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def sybil() -> Sybil:
    """What pytest collects and runs the pages with."""
    return Sybil(
        parsers=[
            SkipParser(),
            folder_directive,
            *(CodeBlockParser(language, run) for language, run in evaluators().items()),
        ],
        patterns=["README.md", "docs/*.md", "docs/**/*.md"],
        path=str(REPOSITORY),
        setup=enter_folder,
        teardown=leave_folder,
        fixtures=["demo"],
    )


def evaluators() -> dict[str, Evaluator]:
    return {
        "python": file_or(run_python),
        "text": compare_printed,
        "console": run_console,
        "yaml": file_or(parse_with(yaml.safe_load)),
        "json": file_or(parse_with(json.loads)),
        "toml": file_or(parse_with(tomllib.loads)),
    }


def enter_folder(namespace: dict[str, object]) -> None:
    namespace["_home"] = Path.cwd()
    namespace["_folder"] = Path(tempfile.mkdtemp(prefix="page-"))
    os.chdir(namespace["_folder"])


def leave_folder(namespace: dict[str, object]) -> None:
    os.chdir(namespace["_home"])
    shutil.rmtree(namespace["_folder"])


def folder_directive(document: Document) -> Iterable[Region]:
    """Find ``<!-- folder: demo -->``."""
    lexer = LexerCollection([DirectiveInHTMLCommentLexer("folder", "demo")])
    for found in lexer(document):
        yield Region(found.start, found.end, found.lexemes["arguments"], copy_demo)


def copy_demo(example: Example) -> None:
    demo = example.namespace["demo"]
    shutil.copytree(demo.folder, Path.cwd(), dirs_exist_ok=True)


def file_or(otherwise: Evaluator) -> Evaluator:
    """Write the block to the file that its first line names; without a name, go *otherwise*."""

    def evaluate(example: Example) -> str | None:
        name = FILE_NAME.match(example.parsed)
        if not name:
            return otherwise(example)
        path = Path(name[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.parsed[name.end() :].lstrip("\n"))
        return None

    return evaluate


def run_python(example: Example) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        PythonEvaluator()(example)
    example.namespace["_printed"] = printed.getvalue()


def compare_printed(example: Example) -> str | None:
    if "_printed" not in example.namespace:
        return "no python block stands above this output"
    return difference(str(example.parsed), example.namespace.pop("_printed"))


def parse_with(parse: Callable[[str], object]) -> Evaluator:
    def evaluate(example: Example) -> None:
        parse(example.parsed)

    return evaluate


def run_console(example: Example) -> str | None:
    steps = commands(example.parsed)
    if not steps:
        return "a console block has lines that start with '$ '"
    script = "".join(
        f"{command}\n__status=$?; printf '\\036%s\\036' $__status; (exit $__status)\n"
        for command, _ in steps
    )
    ran = subprocess.run(
        ["/bin/bash", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=console_environment(),
        check=False,
    )
    printed = ran.stdout.split(SEPARATOR)
    followers = [after for _, (after, _) in pairwise(steps)] + [""]
    for (command, shown), output, status, after in zip(
        steps, printed[0:-1:2], printed[1::2], followers, strict=True
    ):
        problem = difference(shown, output) if shown else None
        if problem is None and status != "0" and after != "echo $?":
            problem = f"it failed with exit code {status}:\n{output}"
        if problem:
            return f"$ {command}\n{problem}"
    return None


def commands(block: str) -> list[tuple[str, str]]:
    """Split a console block into commands and the output that is shown below each."""
    steps: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        elif steps and (line.startswith("> ") and not steps[-1][1]):
            steps[-1] = (f"{steps[-1][0]}\n{line[2:]}", "")
        elif steps:
            steps[-1] = (steps[-1][0], f"{steps[-1][1]}{line}\n")
    return steps


def console_environment() -> dict[str, str]:
    """A plain terminal of a known width, with the commands under test first on the path."""
    return os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "COLUMNS": str(CONSOLE_WIDTH),
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def difference(shown: str, got: str) -> str | None:
    """Say how *got* differs from what the page shows, None when it does not."""
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if checker.check_output(shown, got, flags):
        return None
    return f"the page shows:\n{shown}\nand this was printed:\n{got}"
