"""Whether a handler runs where there is no CUDA device."""

import ast
from collections.abc import Iterator

from ts_sdk.doctor.environment import has_cuda_driver
from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.sources import Source
from ts_sdk.doctor.subject import Subject

_TAKING_DEVICES = frozenset({"torch.device", "torch.cuda.set_device"})
_FIX = (
    'write torch.device(f"cuda:{gpu_id}" if torch.cuda.is_available() and gpu_id is not None '
    'else "cpu")'
)
_FIX_OF_CALL = "write .to(self.device), with a device that was looked for"


def cuda_only(subject: Subject) -> Iterator[Finding]:
    """Devices that are CUDA's without a look whether there is one; the first of each function."""
    for place in subject.functions_run():
        asked = [
            (_is_conditional(place.source, node), node.lineno, what)
            for node in ast.walk(place.function)
            if isinstance(node, ast.expr)
            and (what := _cuda_of(place.source, node)) is not None
            and not _is_guarded(place.source, node)
        ]
        if asked:
            yield _finding(place.source, *min(asked))


def _finding(source: Source, is_conditional: bool, line: int, what: str) -> Finding:  # noqa: FBT001 - a part of what is sorted
    is_here = has_cuda_driver()
    where = "with device='cpu'" if is_here else "here, where there is none"
    return Finding(
        check="cuda-only",
        severity=Severity.NOTE if is_here or is_conditional else Severity.CHANGE,
        member=source.name,
        line=line,
        message=f"{what} without a look whether there is a CUDA device: that fails {where}",
        fix=_FIX if what.startswith("it builds") else _FIX_OF_CALL,
    )


def _cuda_of(source: Source, node: ast.AST) -> str | None:
    """How *node* asks for CUDA, None when it does not."""
    match node:
        case ast.BinOp(op=ast.Add(), left=ast.Constant(value="cuda:"), right=right):
            return f"it builds {ast.unparse(node)}" if not _is_number(right) else None
        case ast.JoinedStr(values=[ast.Constant(value="cuda:"), *_]):
            return f"it builds {ast.unparse(node)}"
        case ast.Call(func=ast.Attribute(value=ast.Constant(value="cuda:{}"), attr="format")):
            return f"it builds {ast.unparse(node)}"
        case ast.Call(func=ast.Attribute(attr="cuda"), args=[] | [_], keywords=[]):
            return (
                f"it calls {ast.unparse(node)}"
                if source.dotted(node.func) != "torch.cuda"
                else None
            )
        case ast.Call():
            return _cuda_argument(source, node)
    return None


def _cuda_argument(source: Source, call: ast.Call) -> str | None:
    """How a call is given a CUDA device by name."""
    is_to = isinstance(call.func, ast.Attribute) and call.func.attr == "to"
    given = call.args[:1] if is_to or source.dotted(call.func) in _TAKING_DEVICES else []
    given = [
        *given,
        *(each.value for each in call.keywords if each.arg in {"device", "map_location"}),
    ]
    for value in given:
        if isinstance(value, ast.Constant) and str(value.value).partition(":")[0] == "cuda":
            return f"it calls {ast.unparse(call.func)}({value.value!r})"
    return None


def _is_number(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant)


def _is_conditional(source: Source, node: ast.AST) -> bool:
    """Whether *node* stands under an ``if`` of whatever kind."""
    return any(isinstance(around, ast.If | ast.IfExp) for around, _ in source.ancestors(node))


def _is_guarded(source: Source, node: ast.AST) -> bool:
    """Whether the function around looks for a device, or stands under a test that does."""
    for function in source.functions_around(node):
        looked_at = {each.attr for each in ast.walk(function) if isinstance(each, ast.Attribute)}
        if looked_at & {"is_available", "device_count"}:
            return True
    for around, child in source.ancestors(node):
        if isinstance(around, ast.If | ast.IfExp) and child is not around.test:
            if _speaks_of_devices(around.test):
                return True
        elif isinstance(around, ast.Try) and child in around.body:
            return True
    return False


def _speaks_of_devices(test: ast.expr) -> bool:
    words = ast.unparse(test).lower()
    return any(word in words for word in ("cuda", "gpu", "device"))
