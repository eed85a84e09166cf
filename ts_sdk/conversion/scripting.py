"""Writing a module as TorchScript."""

import re
import warnings
from pathlib import Path

import torch
from torch import nn

from ts_sdk.conversion.example import Example
from ts_sdk.errors import ConversionError

_SIGNATURE = re.compile(r"\w+\(.*\) -> .*:")
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


def write_torchscript(module: nn.Module, example: Example, path: Path) -> None:
    """Write *module* as TorchScript: scripted, or traced where its code cannot be scripted.

    Raises:
        ConversionError: It can be neither scripted nor traced.
    """
    with warnings.catch_warnings(), torch.no_grad():
        # The form is deprecated, which whoever asks for it knows; what tracing leaves out shows
        # when the answers are compared.
        warnings.simplefilter("ignore")
        try:
            scripted: torch.jit.ScriptModule = torch.jit.script(module)
        except Exception as scripting:  # noqa: BLE001 - the compiler raises anything
            scripted = _traced(module, example, scripting)
        torch.jit.save(scripted, path)


def _traced(module: nn.Module, example: Example, scripting: Exception) -> torch.jit.ScriptModule:
    try:
        traced: torch.jit.ScriptModule = torch.jit.trace(  # type: ignore[no-untyped-call] # as above
            module,
            None if example.kwargs else example.args,
            example_kwarg_inputs=_by_name(module, example) if example.kwargs else None,
            strict=False,  # dicts may be given back
            check_trace=False,
        )
    except Exception as tracing:
        raise ConversionError(
            "the model can be neither scripted nor traced as TorchScript: "
            f"{_said_by_compiler(scripting)}; {_first_line(tracing)}; safetensors keeps its code, "
            "and pt2, aoti and onnx draw a graph in another way"
        ) from tracing
    return traced


def _by_name(module: nn.Module, example: Example) -> dict[str, object]:
    import inspect

    bound = inspect.signature(type(module).forward).bind(module, *example.args, **example.kwargs)
    return dict(list(bound.arguments.items())[1:])


def _said_by_compiler(error: Exception) -> str:
    """What TorchScript's compiler says first that is no function's signature, and of which line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if not _SIGNATURE.fullmatch(line)), repr(error))
    place = _PLACE.search(str(error))
    where = f" ({Path(place[1]).name}:{place[2]})" if place else ""
    return f"{said.rstrip('.:')}{where}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else repr(error)
