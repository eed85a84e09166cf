"""Paths that code spells out."""

import ast

from ts_sdk.doctor.sources import Source

_JOINING = frozenset({"os.path.join", "pathlib.Path", "pathlib.PurePath"})
_MOST_STEPS = 8


def literal_path(source: Source, expression: ast.expr) -> str | None:
    """The last part of a path where the code spells it out, None where it does not.

    ``"labels.csv"``, ``os.path.join(folder, "labels.csv")``, ``folder / "labels.csv"``,
    ``folder + "/labels.csv"`` and ``f"{folder}/labels.csv"`` all end with it.
    """
    wanted: ast.expr | None = expression
    for _ in range(_MOST_STEPS):
        match wanted:
            case ast.Constant(value=str(text)):
                return text or None
            case ast.BinOp(op=ast.Add(), right=ast.Constant(value=str(text))):
                return _behind_slash(text)
            case ast.JoinedStr(values=[*_, ast.Constant(value=str(text))]):
                return _behind_slash(text)
            case ast.BinOp(op=ast.Div(), right=right):
                wanted = right
            case ast.Call(args=[*_, last]) if source.dotted(wanted.func) in _JOINING:
                wanted = last
            case ast.Call(func=ast.Name(id="str" | "open"), args=[first, *_]):
                wanted = first
            case ast.Name():
                wanted = assigned(source, wanted)
            case _:
                return None
    return None


def _behind_slash(text: str) -> str | None:
    _, slash, last = text.rpartition("/")
    return last if slash and last else None


def asks_for_serialized_file(
    source: Source, expression: ast.expr, steps: int = _MOST_STEPS
) -> bool:
    """Whether an expression comes of the manifest's ``serializedFile``."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant) and node.value == "serializedFile":
            return True
        if isinstance(node, ast.Attribute) and node.attr == "model_pt_path":
            return True
        if isinstance(node, ast.Name) and steps:
            value = assigned(source, node)
            if value is not None and asks_for_serialized_file(source, value, steps // 2):
                return True
    return False


def assigned(source: Source, name: ast.Name) -> ast.expr | None:
    """The only value that a variable is given in the function around it, if there is just one."""
    around = next(iter(source.functions_around(name)), source.tree)
    values = [
        node.value
        for node in ast.walk(around)
        if isinstance(node, ast.Assign)
        and any(isinstance(each, ast.Name) and each.id == name.id for each in node.targets)
    ]
    return values[0] if len(values) == 1 else None
