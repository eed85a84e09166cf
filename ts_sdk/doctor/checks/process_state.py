"""What a handler changes for the whole process, and so for every other model in it."""

import ast
from collections.abc import Iterator

from ts_sdk.doctor.findings import Finding, Severity
from ts_sdk.doctor.sources import Source
from ts_sdk.doctor.subject import Subject

_GLOBAL_CALLS = {
    "logging.basicConfig": "configures the logging",
    "os._exit": "ends the process",
    "os.chdir": "changes the working directory",
    "os.kill": "sends a signal",
    "signal.signal": "installs a signal handler",
    "torch.set_default_device": "changes where tensors are made",
    "torch.set_default_dtype": "changes what tensors are made of",
    "torch.set_default_tensor_type": "changes what tensors are made of",
    "torch.set_float32_matmul_precision": "changes the precision of products",
    "torch.set_grad_enabled": "turns gradients on or off",
    "torch.set_num_interop_threads": "sets the number of threads",
    "torch.set_num_threads": "sets the number of threads",
    "torch.use_deterministic_algorithms": "chooses the algorithms",
}
_STARTING_PROCESSES = (
    "os.system",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.run",
)
_FIX = "load it with isolation='process', if others run beside it"


def global_settings(subject: Subject) -> Iterator[Finding]:
    """Settings that hold for the whole process."""
    for source in subject.reachable:
        for node in source.nodes:
            what = _what_is_set(source, node)
            if what is not None and subject.is_run(source.functions_around(node), source):
                yield Finding(
                    check="process-state",
                    severity=Severity.NOTE,
                    member=source.name,
                    line=getattr(node, "lineno", None),
                    message=f"{what}, for the whole process",
                    fix=_FIX,
                )


def _what_is_set(source: Source, node: ast.AST) -> str | None:
    match node:
        case ast.Call():
            name = source.dotted(node.func)
            return f"{name} {_GLOBAL_CALLS[name]}" if name in _GLOBAL_CALLS else None
        case ast.Subscript(ctx=ast.Store(), slice=ast.Constant(value="CUDA_VISIBLE_DEVICES")):
            if source.dotted(node.value) == "os.environ":
                return "it chooses the GPUs by CUDA_VISIBLE_DEVICES, too late where torch is in use"
        case ast.Attribute(ctx=ast.Store()):
            name = source.dotted(node)
            return f"{name} is set" if name.startswith("torch.backends.") else None
    return None


def installs_packages(subject: Subject) -> Iterator[Finding]:
    """Code that calls pip."""
    for source in subject.reachable:
        for call, name in source.calls:
            if name in _STARTING_PROCESSES and _calls_pip(call):
                yield Finding(
                    check="installs-packages",
                    severity=Severity.NOTE,
                    member=source.name,
                    line=call.lineno,
                    message="it installs packages into this environment",
                    fix="install what it needs beforehand, and take this out",
                )


def _calls_pip(call: ast.Call) -> bool:
    words = " ".join(
        str(node.value) for node in ast.walk(call) if isinstance(node, ast.Constant)
    ).split()
    return any(word in {"pip", "pip3"} for word in words) and "install" in words
