"""Stacks of Python frames, and how long each was seen."""

import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import CodeType

_SDK = frozenset({"ts_sdk", "default_handlers", "archiver"})
_TORCH = frozenset({"torch", "torchvision"})
_OF_THE_HANDLER = frozenset({"ts_sdk/phases.py", "ts_sdk/handler.py"})
"""Files of the library that a handler's own frames stand on; the others only call it."""


class Origin(StrEnum):
    """Whose code a frame is."""

    ARCHIVE = "archive"
    SDK = "ts-sdk"
    TORCH = "torch"
    LIBRARY = "library"


@dataclass(frozen=True)
class Frame:
    """A function that was running.

    Attributes:
        function: Its name.
        file: Its file, from the archive or from where packages are installed.
        line: Where it begins.
        origin: Whose it is.
    """

    function: str
    file: str
    line: int
    origin: Origin

    @property
    def name(self) -> str:
        """The function and its place; some stand for none."""
        return f"{self.function} ({self.file}:{self.line})" if self.line else self.function

    @property
    def is_plumbing(self) -> bool:
        """Whether it does nothing but lead to the handler."""
        return self.file.startswith("ts_sdk/") and not self.is_of_a_handler

    @property
    def is_of_a_handler(self) -> bool:
        """Whether it is of a handler, or of what handlers are made from."""
        ours = self.file in _OF_THE_HANDLER or self.file.startswith("default_handlers/")
        return self.origin is Origin.ARCHIVE or ours


Stack = tuple[Frame, ...]
"""Frames, the outermost first."""

OUTSIDE = Frame("outside of the handler", "ts_sdk", 0, Origin.SDK)
"""Stands for all stacks of the library that are on their way to the handler, or back."""


@dataclass
class Naming:
    """Makes frames of code objects.

    Attributes:
        folder: The archive's files.
    """

    folder: Path
    _known: dict[tuple[str, str, int], Frame] = field(default_factory=dict)

    def frame_of(self, code: CodeType) -> Frame:
        """The frame of *code*."""
        # Code objects of different files are equal where they do the same.
        key = code.co_filename, code.co_qualname, code.co_firstlineno
        if key not in self._known:
            file, origin = self._place(code.co_filename)
            self._known[key] = Frame(code.co_qualname, file, code.co_firstlineno, origin)
        return self._known[key]

    @cached_property
    def _roots(self) -> list[str]:
        """Folders that packages lie in, the innermost first."""
        paths = {*sysconfig.get_paths().values(), *filter(None, sys.path)}
        return sorted((str(Path(each).resolve()) for each in paths), key=len, reverse=True)

    def _place(self, filename: str) -> tuple[str, Origin]:
        path = Path(filename)
        if path.is_relative_to(self.folder):
            return path.relative_to(self.folder).as_posix(), Origin.ARCHIVE
        root = next((each for each in self._roots if path.is_relative_to(each)), None)
        file = path.name if root is None else path.relative_to(root).as_posix()
        package = file.partition("/")[0]
        if package in _SDK:
            return file, Origin.SDK
        return file, Origin.TORCH if package in _TORCH else Origin.LIBRARY


@dataclass
class Stacks:
    """What was seen.

    Attributes:
        seconds: Stack → for how long, in the order in which they were first seen.
        samples: How often somebody looked.
    """

    seconds: dict[Stack, float] = field(default_factory=lambda: defaultdict(float))
    samples: int = 0

    def add(self, stack: Sequence[Frame], seconds: float) -> None:
        """Count in that *stack* was seen, and for how long it is taken to have run."""
        self.samples += 1
        self.seconds[below_plumbing(stack)] += seconds

    @property
    def total_s(self) -> float:
        """Seconds in all."""
        return sum(self.seconds.values())

    def tree(self, name: str) -> "Node":
        """All stacks grown together, under a root of that name."""
        root = Node(Frame(name, "", 0, Origin.LIBRARY))
        for stack, seconds in self.seconds.items():
            node = root
            node.seconds += seconds
            for frame in stack:
                node = node.children.setdefault(frame, Node(frame))
                node.seconds += seconds
        return root


@dataclass
class Node:
    """A frame below the same frames each time.

    Attributes:
        frame: The frame.
        seconds: How long it was seen, with what it called.
        children: What it called.
    """

    frame: Frame
    seconds: float = 0.0
    children: dict[Frame, "Node"] = field(default_factory=dict)

    @property
    def self_s(self) -> float:
        """Seconds in the function itself, and in code of other languages that it called."""
        return self.seconds - sum(child.seconds for child in self.children.values())

    def ordered(self) -> list["Node"]:
        """The children, the longest first."""
        return sorted(self.children.values(), key=lambda each: -each.seconds)

    def walk(self) -> Iterator["Node"]:
        """This one and all below it."""
        yield self
        for child in self.ordered():
            yield from child.walk()


def below_plumbing(stack: Sequence[Frame]) -> Stack:
    """*stack* from the handler's first frame on; `OUTSIDE` where it has not come to the handler.

    A thread that the handler has started has no frames of the library below it, and stays whole.
    """
    calls = next((at for at, frame in enumerate(stack) if frame.is_plumbing), None)
    if calls is None:
        return tuple(stack)
    # Below the library, since the program may lie in the archive's own folder.
    inside = range(calls, len(stack))
    start = next((at for at in inside if stack[at].is_of_a_handler), None)
    return (OUTSIDE,) if start is None else tuple(stack[start:])


def hottest(stacks: Stacks, count: int) -> list[tuple[Frame, float]]:
    """The functions in which most time is spent itself, with their seconds."""
    totals: defaultdict[Frame, float] = defaultdict(float)
    for stack, seconds in stacks.seconds.items():
        totals[stack[-1]] += seconds
    return sorted(totals.items(), key=lambda each: -each[1])[:count]
