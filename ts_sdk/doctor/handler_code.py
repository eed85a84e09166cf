"""What of an archive's own code runs when its handler starts, and when it answers."""

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ts_sdk.doctor.old_names import is_old_name, old_name_problem
from ts_sdk.doctor.sources import Function, Source

_STARTING = ("__init__", "initialize")
_ANSWERING = (
    "handle",
    "preprocess",
    "inference",
    "postprocess",
    "explain_handle",
    "get_insights",
    "describe_handle",
)
_LOADING = frozenset(
    {"_load_model", "_load_pickled_model", "_load_torchscript_model", "initialize"}
)
"""Methods of `BaseHandler` that load the serialized model."""

_MODEL_KEYS = frozenset({"modelFile", "serializedFile"})
_BASES_WITHOUT_METHODS = frozenset({"ABC", "abc.ABC", "object"})

FindSource = Callable[[str], Source | None]
"""Gives the archive's own source of a module, by the module's absolute name."""


@dataclass(frozen=True)
class Place:
    """A function of the archive, and the file that it is in."""

    source: Source
    function: Function


@dataclass(frozen=True)
class HandlerClass:
    """A class of the archive with what it has from its bases in the archive.

    Attributes:
        methods: Name → its definitions, the one that wins first.
        attributes: The names that it binds, its methods included, and those set on ``self``.
        foreign: The full names of the bases that are not in the archive; "" for one that only
            running the code would tell.
    """

    methods: Mapping[str, list[Place]]
    attributes: frozenset[str]
    foreign: frozenset[str]

    @property
    def is_sdk_handler(self) -> bool:
        """Whether it derives from `BaseHandler` or from one of its subclasses of the library."""
        return any(is_sdk_handler(base) for base in self.foreign)


def is_sdk_handler(base: str) -> bool:
    """Whether *base* is the full name of a handler class of the library, old names included."""
    return base.startswith(("ts.torch_handler.", "default_handlers.")) or base in {
        "ts_sdk.BaseHandler",
        "ts_sdk.handler.BaseHandler",
    }


@dataclass(frozen=True)
class HandlerCode:
    """What of the archive's own code the handler runs.

    Attributes:
        starting: The functions that run when the model is loaded.
        answering: The functions that run for each batch.
        constructor: The ``__init__`` of the class that is the entry point, if it has its own.
        takes_rows: Those of `answering` that are given the rows of a batch.
        loads_by_base: Whether `BaseHandler` loads the serialized model.
        needs_model: Whether `BaseHandler` certainly loads a model, so that there must be one.
        methods: Name of a method → its definitions, the one that wins first.
        bases: The full names of the bases that are not in the archive.
    """

    starting: tuple[Place, ...] = ()
    answering: tuple[Place, ...] = ()
    takes_rows: tuple[Place, ...] = ()
    constructor: Place | None = None
    loads_by_base: bool = False
    needs_model: bool = False
    methods: Mapping[str, list[Place]] = field(default_factory=dict, repr=False)
    bases: frozenset[str] = frozenset()
    _functions: frozenset[Function] = field(default=frozenset(), repr=False)

    def runs(self, function: Function) -> bool:
        """Whether *function* runs when the handler starts or answers."""
        return function in self._functions


def read_class(source: Source, name: str, find: FindSource) -> HandlerClass:
    """What class *name* of *source* has, its bases in the archive included."""
    methods: dict[str, list[Place]] = {}
    attributes: set[str] = set()
    foreign: set[str] = set()
    waiting, seen = deque([(source, name)]), set[tuple[str, str]]()
    while waiting:
        where, wanted = waiting.popleft()
        if (where.name, wanted) in seen:
            continue
        seen.add((where.name, wanted))
        node = where.classes[wanted]
        if wanted in where.outline.classes:
            attributes |= where.outline.classes[wanted].attributes
        for each in node.body:
            if isinstance(each, Function):
                methods.setdefault(each.name, []).append(Place(where, each))
        for base in node.bases:
            full = where.dotted(base)
            found = class_named(where, full, find)
            if found is None:
                foreign.add(full)
            else:
                waiting.append(found)
    return HandlerClass(methods, frozenset(attributes), frozenset(foreign))


def class_named(source: Source, full: str, find: FindSource) -> tuple[Source, str] | None:
    """The file and the name of the archive's class that *full* means in *source*."""
    if full in source.classes:
        return source, full
    module, _, name = full.rpartition(".")
    where = find(module) if module else None
    return (where, name) if where is not None and name in where.classes else None


def code_of_class(source: Source, name: str, find: FindSource) -> HandlerCode:
    """What runs of a handler whose entry point is the class *name* of *source*."""
    its_class = read_class(source, name, find)
    walk = _Walk(its_class.methods, find)
    starting = walk.reached(_definitions(its_class.methods, _STARTING))
    answering = walk.reached(_definitions(its_class.methods, _ANSWERING), leaving_out=_STARTING)
    rows = _definitions(its_class.methods, ("handle", "preprocess"))
    return HandlerCode(
        starting=starting,
        answering=answering,
        takes_rows=tuple(place for place in rows if place in answering),
        constructor=next(iter(_definitions(its_class.methods, ("__init__",))), None),
        loads_by_base=_loads_by_base(its_class),
        needs_model=_needs_model(its_class),
        methods=its_class.methods,
        bases=its_class.foreign,
        _functions=frozenset(place.function for place in (*starting, *answering)),
    )


def code_of_function(source: Source, name: str, find: FindSource) -> HandlerCode:
    """What runs of a handler whose entry point is the function *name* of *source*."""
    methods: dict[str, list[Place]] = {}
    bases: set[str] = set()
    for each in source.classes:
        read = read_class(source, each, find)
        bases |= read.foreign
        for method, places in read.methods.items():
            methods.setdefault(method, []).extend(places)
    walk = _Walk(methods, find, any_object=True)
    entry = [Place(source, source.functions[name])] if name in source.functions else []
    starting = walk.reached(_definitions(methods, _STARTING))
    answering = walk.reached(entry, leaving_out=_STARTING)
    rows = [*entry, *_definitions(methods, ("handle", "preprocess"))]
    return HandlerCode(
        starting=starting,
        answering=answering,
        takes_rows=tuple(place for place in rows if place in answering),
        loads_by_base=_loads_by_base(HandlerClass(methods, frozenset(), frozenset(bases))),
        methods=methods,
        bases=frozenset(bases),
        _functions=frozenset(place.function for place in (*starting, *answering)),
    )


def _definitions(methods: Mapping[str, list[Place]], names: Iterable[str]) -> list[Place]:
    return [methods[name][0] for name in names if name in methods]


def _loads_by_base(its_class: HandlerClass) -> bool:
    """Whether `BaseHandler` loads the model: `initialize` is its own, or is called from ours."""
    if not its_class.is_sdk_handler:
        return False
    own = its_class.methods
    if "_load_pickled_model" in own or "_load_torchscript_model" in own:
        return False
    if "initialize" not in own:
        return True
    initialize = own["initialize"][0]
    called = {
        node.attr
        for node in ast.walk(initialize.function)
        if isinstance(node, ast.Attribute) and node.attr in _LOADING and _is_of_base(node.value)
    }
    return bool(called)


def _needs_model(its_class: HandlerClass) -> bool:
    """Whether `BaseHandler.initialize` certainly runs, and loads the model by its own means."""
    others = [base for base in its_class.foreign if base not in _BASES_WITHOUT_METHODS]
    if not others or not all(map(is_sdk_handler, others)):
        return False
    if any(is_old_name(base) and old_name_problem(*base.rpartition(".")[::2]) for base in others):
        return False  # which is told, and not what comes of it
    if its_class.attributes & {"_load_model", "_load_folder"}:
        return False
    return all(_calls_initialize_of_base(each) for each in its_class.methods.get("initialize", ()))


def _calls_initialize_of_base(initialize: Place) -> bool:
    """Whether an ``initialize`` calls its base's whatever happens, with the manifest as it is."""
    function, source = initialize.function, initialize.source
    changed = (
        node.slice
        for node in ast.walk(function)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    )
    if any(isinstance(key, ast.Constant) and key.value in _MODEL_KEYS for key in changed):
        return False
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "initialize"
        and _is_of_base(node.func.value)
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "self")
        and source.surely_runs(node, function)
        for node in ast.walk(function)
    )


def _is_of_base(value: ast.expr) -> bool:
    """Whether *value* is ``self``, ``super()`` or a class's name, and not another object."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and (value.id == "self" or value.id[:1].isupper())


class _Walk:
    """Follows calls through the archive's own code."""

    def __init__(
        self, methods: Mapping[str, list[Place]], find: FindSource, *, any_object: bool = False
    ) -> None:
        self._methods = methods
        self._find = find
        self._any_object = any_object

    def reached(self, roots: Iterable[Place], leaving_out: Iterable[str] = ()) -> tuple[Place, ...]:
        """*roots* and all that they call, without the methods of the names *leaving_out*."""
        found: dict[Place, None] = {}
        waiting = deque(roots)
        while waiting:
            place = waiting.popleft()
            if place not in found:
                found[place] = None
                waiting.extend(
                    each for each in self._called(place) if each.function.name not in leaving_out
                )
        return tuple(found)

    def _called(self, place: Place) -> Iterator[Place]:
        for node in ast.walk(place.function):
            if isinstance(node, ast.Attribute):
                if self._is_handler(node.value):
                    yield from self._methods.get(node.attr, ())
                yield from self._own_function(place.source, place.source.dotted(node))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                yield from self._own_function(place.source, place.source.dotted(node))

    def _is_handler(self, value: ast.expr) -> bool:
        """Whether *value* may be the handler itself."""
        if isinstance(value, ast.Name):
            return value.id == "self" or self._any_object
        return isinstance(value, ast.Call) and _is_of_base(value)

    def _own_function(self, source: Source, full: str) -> Iterator[Place]:
        """The function that *full* means in *source*, or the ``__init__`` of the class."""
        module, _, name = full.rpartition(".")
        where = self._find(module) if module else source
        if where is None:
            return
        if name in where.functions:
            yield Place(where, where.functions[name])
        elif name in where.classes:
            for each in where.classes[name].body:
                if isinstance(each, Function) and each.name in {"__init__", "forward", "__call__"}:
                    yield Place(where, each)
