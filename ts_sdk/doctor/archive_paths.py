"""Paths that code certainly builds from the archive's folder."""

import ast
import posixpath

from ts_sdk.doctor.sources import Source

_PATHS = frozenset({"pathlib.Path", "pathlib.PurePath"})
_SAME_PLACE = frozenset(
    {"os.path.abspath", "os.path.normpath", "os.path.realpath", "str", "os.fspath", *_PATHS}
)
_HERE = frozenset({"os.getcwd", "pathlib.Path.cwd"})
_MODEL_DIR = "model_dir"
_MOST_STEPS = 12


def path_in_archive(source: Source, expression: ast.expr, steps: int = _MOST_STEPS) -> str | None:
    """A path's part below the archive's folder, where the code spells all of it out.

    The folder itself is ``"."``. While an archive is loaded, relative paths are below it.

    Args:
        source: The file that the expression is in.
        expression: What gives the path.
        steps: How many expressions are followed at the most.

    Returns:
        None for an absolute path, for one elsewhere, and where only running the code would tell.
    """
    if steps == 0:
        return None
    parts = _parts(source, expression, steps)
    if parts is None:
        return None
    path = posixpath.normpath(posixpath.join(*parts))
    return None if path.startswith(("/", "..", "~")) else path


def _parts(source: Source, expression: ast.expr, steps: int) -> list[str] | None:
    """The parts of a path that are joined, the first of them below the folder."""
    found: list[str] | None = None
    match expression:
        case ast.Constant(value=str(text)):
            found = [text] if "://" not in text else None
        case ast.Subscript(slice=ast.Constant(value="model_dir")):
            found = ["."]
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            found = _joined(source, [left, right], steps)
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=str(text))):
            found = _with_text(source, left, text, steps)
        case ast.JoinedStr(values=[ast.FormattedValue(value=left), ast.Constant(value=str(text))]):
            found = _with_text(source, left, text, steps)
        case ast.Attribute(value=value, attr="parent"):
            found = ["."] if _is_file_of_root(source, value) else None
        case ast.Name() | ast.Attribute():
            found = _of_variable(source, expression, steps)
        case ast.Call():
            found = _of_call(source, expression, steps)
    return found


def _with_text(source: Source, left: ast.expr, text: str, steps: int) -> list[str] | None:
    if not text.startswith("/"):
        return None
    folder = path_in_archive(source, left, steps - 1)
    return None if folder is None else [folder, text.lstrip("/")]


def _joined(source: Source, expressions: list[ast.expr], steps: int) -> list[str] | None:
    found = [path_in_archive(source, each, steps - 1) for each in expressions]
    known = [each for each in found if each is not None]
    return known if len(known) == len(found) and known else None


def _of_call(source: Source, call: ast.Call, steps: int) -> list[str] | None:
    name = source.dotted(call.func)
    match call.args:
        case [ast.Constant(value="model_dir"), *_] if isinstance(call.func, ast.Attribute):
            return ["."] if call.func.attr == "get" else None
        case [] if name in _HERE:
            return ["."]
        case [value] if name == "os.path.dirname":
            return ["."] if _is_file_of_root(source, value) else None
        case [_, *_] if name == "os.path.join" or name in _SAME_PLACE:
            return _joined(source, call.args, steps)
    return None


def _is_file_of_root(source: Source, value: ast.expr) -> bool:
    """Whether an expression is the path of a file that lies directly in the archive's folder."""
    while True:
        match value:
            case ast.Call(func=ast.Attribute(value=inner, attr="resolve" | "absolute"), args=[]):
                value = inner
            case ast.Call(args=[inner]) if source.dotted(value.func) in _SAME_PLACE:
                value = inner
            case _:
                break
    return isinstance(value, ast.Name) and value.id == "__file__" and "/" not in source.name


def _of_variable(
    source: Source, variable: ast.Name | ast.Attribute, steps: int
) -> list[str] | None:
    """What a variable stands for that is given one value; of parameters, the name has to tell."""
    around = source.tree
    if isinstance(variable, ast.Name):
        functions = source.functions_around(variable)
        values = _values(functions[0], variable) if functions else _values(around, variable)
        if not values and functions and not _is_parameter(functions[0], variable.id):
            values = [
                value for value in _values(around, variable) if not source.functions_around(value)
            ]
    elif isinstance(variable.value, ast.Name) and variable.value.id == "self":
        values = _values(around, variable)
    else:
        return None
    if len(values) == 1:
        below = path_in_archive(source, values[0], steps - 1)
        return None if below is None else [below]
    named = variable.id if isinstance(variable, ast.Name) else variable.attr
    return ["."] if not values and named == _MODEL_DIR else None


def _is_parameter(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> bool:
    return any(isinstance(node, ast.arg) and node.arg == name for node in ast.walk(function.args))


def _values(around: ast.AST, variable: ast.expr) -> list[ast.expr]:
    """The values that *variable* is given in *around*; itself where one is not an expression."""
    wanted = ast.unparse(variable)
    targets = [
        node
        for node in ast.walk(around)
        if isinstance(node, ast.Name | ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node) == wanted
    ]
    values = [
        value
        for node in (ast.walk(around) if targets else ())
        for target, value in _assignments(node)
        if target in targets
    ]
    return values if len(values) == len(targets) else [*values, *targets]


def _assignments(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            return [(target, value) for target in targets]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(target, value)]
    return []
