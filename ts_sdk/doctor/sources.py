"""A Python file of an archive, as its syntax tree: what it imports, and what its names mean."""

import ast
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from archiver.outline import Outline, outline_of_tree, parse_source

Function = ast.FunctionDef | ast.AsyncFunctionDef
_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_CALLS_ON_PATH = frozenset(
    {"sys.path.append", "sys.path.extend", "sys.path.insert", "site.addsitedir"}
)
_UNSURE = (
    ast.If,
    ast.IfExp,
    ast.BoolOp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.TryStar,
    ast.Match,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
)
"""What is in these may not run."""
_IMPORT_CALLS = frozenset({"importlib.import_module", "__import__"})


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement, or a call of `importlib.import_module` with a literal.

    Attributes:
        module: The module's name, without the dots of a relative import.
        level: How many dots a relative import has.
        names: The names that are imported from it; empty for ``import module``.
        line: Where it stands.
        within: The functions that it stands in, the innermost first; none at import time.
        is_optional: Whether its failure is caught, and the code goes on without it.
        is_conditional: Whether it stands under an ``if``.
        instead_of: The modules whose absence it makes up for.
    """

    module: str
    level: int
    names: tuple[str, ...]
    line: int
    within: tuple[Function, ...]
    is_optional: bool
    is_conditional: bool
    instead_of: tuple[str, ...]

    @property
    def top(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]


class Source:
    """A Python file of an archive.

    Args:
        name: The member.
        content: Its bytes.

    Raises:
        SyntaxError: It is not Python.

    Attributes:
        name: The member.
        tree: Its syntax tree.
    """

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.tree = parse_source(content, name)

    @cached_property
    def outline(self) -> Outline:
        """What it defines at its top level."""
        return outline_of_tree(self.tree)

    @cached_property
    def _parents(self) -> dict[ast.AST, ast.AST]:
        """Each node → the one around it, outer ones first."""
        parents: dict[ast.AST, ast.AST] = {}
        waiting = deque[ast.AST]([self.tree])
        while waiting:
            node = waiting.popleft()
            for child in ast.iter_child_nodes(node):
                parents[child] = node
                waiting.append(child)
        return parents

    @property
    def nodes(self) -> Collection[ast.AST]:
        """All nodes of the tree, outer ones first."""
        return self._parents.keys()

    def ancestors(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield each node around *node* with its child on the way there, the innermost first."""
        child = node
        while (parent := self._parents.get(child)) is not None:
            yield parent, child
            child = parent

    def functions_around(self, node: ast.AST) -> tuple[Function, ...]:
        """The functions that *node* stands in, the innermost first."""
        return tuple(around for around, _ in self.ancestors(node) if isinstance(around, Function))

    def surely_runs(self, node: ast.AST, function: Function | None) -> bool:
        """Whether *node* runs whenever *function* does, and its failure is not caught.

        None is the import of the file. What an earlier ``return`` may leave out does not surely
        run, unless it is a condition on what was done before that returns.
        """
        for around, child in self.ancestors(node):
            if around is function:
                break
            if isinstance(around, _UNSURE) and child is not getattr(around, "test", None):
                return False
            if isinstance(around, ast.With) and "suppress" in ast.unparse(around.items[0]):
                return False
        if function is None:
            return True
        return not any(self._leaves_before(each, node) for each in ast.walk(function))

    def _leaves_before(self, each: ast.AST, node: ast.AST) -> bool:
        if not isinstance(each, ast.Return) or each.lineno >= getattr(node, "lineno", 0):
            return False
        tests = (it.test for it, _ in self.ancestors(each) if isinstance(it, ast.If))
        return not any("initialized" in ast.unparse(test) for test in tests)

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The classes at the top level, those under an ``if`` or ``try`` included."""
        return {node.name: node for node in self._at_top_level() if isinstance(node, ast.ClassDef)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions at the top level."""
        return {node.name: node for node in self._at_top_level() if isinstance(node, Function)}

    def _at_top_level(self) -> Iterator[ast.AST]:
        waiting = deque[ast.AST]([self.tree])
        while waiting:
            node = waiting.popleft()
            yield node
            if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
                waiting.extend(ast.iter_child_nodes(node))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Local name → full dotted name of what was imported under it, anywhere in the file."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    found[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                module = self.absolute(node.module or "", node.level)
                for alias in node.names:
                    full = f"{module}.{alias.name}" if module else alias.name
                    found[alias.asname or alias.name] = full
        return found

    def absolute(self, module: str, level: int) -> str:
        """The name of what is imported with *level* dots, counted from the archive's root."""
        if not level:
            return module
        package = self.name.split("/")[:-1]
        parts = package[: max(0, len(package) - (level - 1))]
        return ".".join([*parts, *([module] if module else [])])

    def dotted(self, node: ast.AST) -> str:
        """The full dotted name that an expression stands for, "" when it is no name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.aliases.get(node.id, node.id), *reversed(parts)])

    @cached_property
    def calls(self) -> tuple[tuple[ast.Call, str], ...]:
        """Each call with the full name of what is called, "" when that is no name."""
        return tuple(
            (node, self.dotted(node.func)) for node in self.nodes if isinstance(node, ast.Call)
        )

    @property
    def changes_path(self) -> bool:
        """Whether it puts folders on `sys.path`."""
        if any(name in _CALLS_ON_PATH for _, name in self.calls):
            return True
        stored = (
            node.value if isinstance(node, ast.Subscript) else node
            for node in self.nodes
            if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
        )
        return any(self.dotted(node) == "sys.path" for node in stored)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What it imports when it runs; what only type checkers or scripts import is left out."""
        return tuple(self._imports())

    def _imports(self) -> Iterator[Import]:
        for node in self.nodes:
            match node:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        yield from self._described(node, alias.name)
                case ast.ImportFrom(module=module, names=aliases, level=level):
                    names = tuple(alias.name for alias in aliases)
                    yield from self._described(node, module or "", level, names)
                case ast.Call(args=[ast.Constant(value=str(name)), *_]):
                    if self.dotted(node.func) in _IMPORT_CALLS and not name.startswith("."):
                        yield from self._described(node, name)

    def _described(
        self, node: ast.expr | ast.stmt, module: str, level: int = 0, names: tuple[str, ...] = ()
    ) -> Iterator[Import]:
        is_optional = is_conditional = False
        instead_of: tuple[str, ...] = ()
        for around, child in self.ancestors(node):
            if isinstance(around, Function):
                break
            if isinstance(around, ast.If | ast.IfExp) and child is not around.test:
                if _is_never_true(around.test):
                    return
                is_conditional = True
            elif isinstance(around, ast.Try):
                if child in around.body:
                    is_optional = is_optional or _goes_on_without(around)
                elif isinstance(child, ast.ExceptHandler):
                    instead_of = tuple(_modules_in(around.body))
        yield Import(
            module,
            level,
            names,
            node.lineno,
            self.functions_around(node),
            is_optional,
            is_conditional,
            instead_of,
        )


def _is_never_true(test: ast.expr) -> bool:
    """Whether a condition holds only for type checkers, or for a file run as a script."""
    named = [node.id for node in ast.walk(test) if isinstance(node, ast.Name)]
    named += [node.attr for node in ast.walk(test) if isinstance(node, ast.Attribute)]
    return "TYPE_CHECKING" in named or "__name__" in named


def _goes_on_without(statement: ast.Try) -> bool:
    """Whether a missing module is caught by *statement*, and nothing is raised in its place."""
    for handler in statement.handlers:
        kinds = [] if handler.type is None else list(ast.walk(handler.type))
        caught = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
        if handler.type is None or caught & _CAUGHT:
            return not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
    return False


def _modules_in(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module


def needed_arguments(args: ast.arguments) -> list[str]:
    """The parameters of a method that have no default, without ``self``."""
    positional = [*args.posonlyargs, *args.args]
    needed = positional[1 : len(positional) - len(args.defaults)]
    needed += [
        each
        for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if default is None
    ]
    return [each.arg for each in needed]
