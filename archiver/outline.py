"""What a Python file defines, as far as its syntax tree tells; nothing of it is run."""

from __future__ import annotations

import ast
import builtins
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NEW_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_BUILTINS = frozenset(dir(builtins))
# Whoever uses one of these may define names that the syntax tree does not show: the first two
# anywhere in a file, the others at its top level.
_REFLECTION = frozenset({"exec", "globals"})
_TOP_LEVEL_REFLECTION = frozenset({"__getattr__", "locals", "setattr", "vars"})


@dataclass(frozen=True, slots=True)
class ClassOutline:
    """A class at the top level of a file.

    Attributes:
        name: Its name.
        line: Where it begins.
        bases: Its bases: the name of a class of the same file, the full dotted name of an imported
            one (``torch.nn.Module``), or "" for what only running the file could tell.
        attributes: The names bound in its body and those set on ``self``.
    """

    name: str
    line: int
    bases: tuple[str, ...]
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file defines at its top level.

    Attributes:
        classes: Its classes, by name.
        functions: The names of its functions.
        names: Everything that it binds: classes, functions, variables, imports.
        may_bind_more: Whether it might bind names that the syntax tree does not show.
        may_have_more_classes: Whether a function called at its top level might make a class.
    """

    classes: Mapping[str, ClassOutline]
    functions: frozenset[str]
    names: frozenset[str]
    may_bind_more: bool
    may_have_more_classes: bool

    def ancestors(self, name: str) -> list[str]:
        """Return the classes of this file that a class of it derives from."""
        found: list[str] = []
        waiting = [name]
        while waiting:
            for base in self.classes[waiting.pop()].bases:
                if base in self.classes and base != name and base not in found:
                    found.append(base)
                    waiting.append(base)
        return found

    def foreign_bases(self, name: str) -> frozenset[str]:
        """Return the bases that a class of this file has, also through others, from elsewhere."""
        family = [name, *self.ancestors(name)]
        bases = {base for member in family for base in self.classes[member].bases}
        return frozenset(bases - set(self.classes))

    def inherited_attributes(self, name: str) -> frozenset[str]:
        """Return the attributes that a class of this file has, also through others of it."""
        family = [name, *self.ancestors(name)]
        return frozenset().union(*(self.classes[member].attributes for member in family))


def read_outline(path: Path) -> Outline:
    """Read what a Python file defines.

    Args:
        path: The file, which exists.

    Raises:
        SyntaxError: It is not Python; its ``lineno`` says where, as far as that is known.
    """
    return outline_of(path.read_bytes(), str(path))


def outline_of(source: bytes, filename: str) -> Outline:
    """Read what Python source defines; see `read_outline`.

    Args:
        source: The source.
        filename: Where it comes from, for the error.

    Raises:
        SyntaxError: It is not Python.
    """
    return outline_of_tree(parse_source(source, filename))


def parse_source(source: bytes, filename: str) -> ast.Module:
    """Return the syntax tree of a Python program.

    Args:
        source: The source.
        filename: Where it comes from, for the error.

    Raises:
        SyntaxError: It is not Python.
    """
    try:
        with warnings.catch_warnings():
            # A doubtful escape sequence is no obstacle, and not this program's to report.
            warnings.simplefilter("ignore")
            tree = ast.parse(source, filename)
            # What parses may still be no program: `return` outside a function, for one.
            compile(tree, filename, "exec", dont_inherit=True)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "it is nested too deeply") from error
    return tree


def outline_of_tree(tree: ast.Module) -> Outline:
    """Return what a program defines, by its syntax tree."""
    statements = list(_top_level(tree))
    imports = _imports(statements)
    names = set(_bound_names(tree, statements)) | set(imports)
    classes = {
        node.name: _class_outline(node, imports, names)
        for node in statements
        if isinstance(node, ast.ClassDef)
    }
    for name in _deleted_names(statements):
        classes.pop(name, None)
        names.discard(name)
    return Outline(
        classes=classes,
        functions=frozenset(
            node.name
            for node in statements
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ),
        names=frozenset(names),
        may_bind_more="*" in imports or _uses_reflection(tree, statements),
        may_have_more_classes="*" in imports or any(map(_keeps_what_is_made, statements)),
    )


def is_plain(base: str) -> bool:
    """Tell whether a base is the language's or the standard library's: no model, no handler."""
    root = base.partition(".")[0]
    return base in _BUILTINS or ("." in base and root in sys.stdlib_module_names)


def _top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that run when the file is imported, new scopes themselves included."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _NEW_SCOPES):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _imports(nodes: list[ast.AST]) -> dict[str, str]:
    """Return the full dotted name of each imported name; ``*`` stands for a star import."""
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                names[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                names[alias.asname or alias.name] = f"{module}.{alias.name}"
    return names


def _bound_names(tree: ast.Module, nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the names that are given a value, functions that declare them global included."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Global):
            yield from inner.names


def _deleted_names(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the names that are taken back."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
            yield node.id


def _class_outline(node: ast.ClassDef, imports: Mapping[str, str], names: set[str]) -> ClassOutline:
    """Describe one class."""
    bases = [_full_name(base, imports, names) for base in node.bases]
    # A metaclass, or bases in `**kwargs`, can make anything of a class.
    bases += [_full_name(keyword.value, imports, names) for keyword in node.keywords]
    attributes: set[str] = set()
    for inner in ast.walk(node):
        match inner:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if inner in node.body:
                attributes.add(inner.name)
            case ast.Name(id=name, ctx=ast.Store()):
                attributes.add(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                attributes.add(name)
    return ClassOutline(node.name, node.lineno, tuple(bases), frozenset(attributes))


def _full_name(node: ast.expr, imports: Mapping[str, str], names: set[str]) -> str:
    """Return the dotted name that an expression stands for, or "" when it is no name."""
    match node:
        case ast.Subscript(value=value):  # Generic[T]
            return _full_name(value, imports, names)
        case ast.Attribute(value=value, attr=attribute):
            owner = _full_name(value, imports, names)
            return f"{owner}.{attribute}" if owner else ""
        case ast.Name(id=name):
            if name in imports:
                return imports[name]
            return name if name in names or name in _BUILTINS else ""
    return ""


def _uses_reflection(tree: ast.Module, statements: list[ast.AST]) -> bool:
    """Tell whether names may be bound that the syntax tree does not show."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in _REFLECTION:
                return True
            case ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
                return True
    for node in statements:
        match node:
            case ast.Name(id=name) | ast.FunctionDef(name=name) if name in _TOP_LEVEL_REFLECTION:
                return True
    return False


def _keeps_what_is_made(node: ast.AST) -> bool:
    """Tell whether a statement keeps the result of a function, as `Net = make_net()` does.

    By their names, other calls make an object (`Net()`) or ask a module (`logging.getLogger()`).
    """
    match node:
        case ast.Assign(value=ast.Call(func=ast.Name(id=name))):
            return name == "type" or (name not in _BUILTINS and not name[:1].isupper())
    return False
