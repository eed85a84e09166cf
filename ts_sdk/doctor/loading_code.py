"""What certainly runs while an archive is loaded, and not under some condition only."""

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ts_sdk.doctor.handler_code import HandlerCode, Place
from ts_sdk.doctor.sources import Function, Source
from ts_sdk.doctor.subject import Subject

_STARTING = ("__init__", "initialize")


@dataclass(frozen=True)
class LoadingCall:
    """A call that is made whenever the archive is loaded.

    Attributes:
        source: The file that it is in.
        function: The function that it is in; None at import time.
        call: The call.
    """

    source: Source
    function: Function | None
    call: ast.Call

    @property
    def who(self) -> str:
        """What makes the call, as people say it."""
        return "the file" if self.function is None else f"{self.function.name}()"


def loading_calls(subject: Subject) -> Iterator[LoadingCall]:
    """Each call that is made whenever the archive is loaded."""
    for source in filter(subject.is_needed, subject.reachable):
        for call, _ in source.calls:
            if source.surely_runs(call, None):
                yield LoadingCall(source, None, call)
    code = subject.handler_code
    waiting = deque(() if code is None else _roots(code))
    seen: set[Function] = set()
    while code is not None and waiting:
        place = waiting.popleft()
        if place.function in seen:
            continue
        seen.add(place.function)
        calls = [node for node in ast.walk(place.function) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda each: each.lineno):
            if place.source.surely_runs(call, place.function):
                yield LoadingCall(place.source, place.function, call)
                waiting.extend(_called(subject, code, place, call))


def _roots(code: HandlerCode) -> list[Place]:
    return [code.methods[name][0] for name in _STARTING if name in code.methods]


def _called(subject: Subject, code: HandlerCode, place: Place, call: ast.Call) -> Iterator[Place]:
    """The archive's function that a call certainly leads to."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            yield from code.methods.get(name, ())[:1]
            return
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
            own = code.methods.get(name, [])
            at = next((i for i, each in enumerate(own) if each.function is place.function), None)
            yield from () if at is None else own[at + 1 : at + 2]
            return
    module, _, name = place.source.dotted(call.func).rpartition(".")
    where = subject.source_of_module(module) if module else place.source
    if where is not None and name in where.functions:
        yield Place(where, where.functions[name])
