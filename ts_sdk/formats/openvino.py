"""ONNX models, run by OpenVINO: on the CPU, in the number formats that they were made with.

OpenVINO's own backend of `torch.compile` is no way to it: its answers lie in memory that the next
call writes into, and what it cannot compile runs uncompiled without a word.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ts_sdk.cores import available_cores, worker_threads
from ts_sdk.errors import DeviceUnavailableError, LoadError, ModelFormatError
from ts_sdk.formats.onnx_graph import GIVES_KEY, TAKES_KEY, OnnxGraph
from ts_sdk.formats.refusal import OPENVINO_EXTRA
from ts_sdk.formats.signature import Signature, TensorInput

if TYPE_CHECKING:
    from types import ModuleType

_NOTES = "framework"
"""Where OpenVINO keeps the metadata of an ONNX file."""

# OpenVINO's name of a number's type → torch's; those that NumPy has too, through which they go.
_TYPES = {
    "f16": torch.float16,
    "f32": torch.float32,
    "f64": torch.float64,
    "u8": torch.uint8,
    "i8": torch.int8,
    "i16": torch.int16,
    "i32": torch.int32,
    "i64": torch.int64,
    "boolean": torch.bool,
}


def load(path: Path, device: torch.device) -> "OpenvinoModel":
    """The ONNX model in *path*.

    Raises:
        LoadError: OpenVINO is not installed, or another device than the CPU is asked for.
        ModelFormatError: The file is damaged, or holds what OpenVINO has not.
    """
    openvino = _import_openvino(path.name)
    if device.type != "cpu":
        raise DeviceUnavailableError(
            f"{path.name} is an ONNX model that OpenVINO is to run (handler: onnx_runtime), which "
            f"it does on the CPU and not on {device}: use device='cpu', or onnxruntime",
            device=str(device),
        )
    try:
        core = openvino.Core()
        model = core.read_model(path)
        compiled = core.compile_model(model, "CPU", _properties())
    except Exception as error:
        raise ModelFormatError(
            f"{path.name} cannot be loaded as ONNX by OpenVINO {openvino.__version__}: "
            f"{str(error).strip()}"
        ) from error
    return OpenvinoModel(model, compiled, path.name, device)


def _import_openvino(name: str) -> "ModuleType":
    try:
        import openvino
    except ImportError as error:
        raise LoadError(
            f"{name} is an ONNX model that OpenVINO is to run (handler: onnx_runtime), and that "
            f"cannot be imported ({error}): {OPENVINO_EXTRA}",
            phase="load model",
        ) from error
    runtime: ModuleType = openvino
    return runtime


def _properties() -> dict[str, object]:
    """As many threads for a request as torch has, and as many requests at once as cores allow."""
    threads = worker_threads.get() or torch.get_num_threads()
    at_once = max(1, available_cores() // threads)
    return {
        "NUM_STREAMS": at_once,
        "INFERENCE_NUM_THREADS": at_once * threads,
        "EXECUTION_MODE_HINT": "ACCURACY",  # else float32 is rounded where a processor has bfloat16
    }


class OpenvinoModel(OnnxGraph):
    """A model that OpenVINO has compiled, called like a module; several threads may call it."""

    form = "an ONNX model"
    elsewhere = "have onnxruntime run it (handler: onnx_runtime), with device='{device}'"

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - OpenVINO has no types
        compiled: Any,  # noqa: ANN401 - as above
        name: str,
        device: torch.device,
    ) -> None:
        _refuse_types(model, name)
        signature = Signature(tuple(map(_input_of, model.inputs)))
        super().__init__(name, device, signature, len(model.outputs), _notes_of(model))
        self._compiled = compiled
        self._idle: list[Any] = []

    def _run(self, tensors: list[Any]) -> list[torch.Tensor]:
        """Run it on the tensors' memory; each call has a request of its own meanwhile."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        given = [tensor.detach().contiguous().numpy() for tensor in tensors]
        outputs = request.infer(given, share_inputs=True)
        self._idle.append(request)
        return [torch.from_numpy(outputs[place]) for place in range(len(outputs))]


def _refuse_types(model: Any, name: str) -> None:  # noqa: ANN401 - as above
    for port in (*model.inputs, *model.outputs):
        word = port.element_type.get_type_name()
        if word not in _TYPES:
            raise ModelFormatError(
                f"{name} is an ONNX model that takes or gives {word}, which it does not in "
                "OpenVINO here: have onnxruntime run it (handler: onnx_runtime)"
            )


def _input_of(port: Any) -> TensorInput:  # noqa: ANN401 - as above
    shape = port.partial_shape
    sizes = None
    if shape.rank.is_static:
        sizes = tuple(each.get_length() if each.is_static else None for each in shape)
    return TensorInput(port.any_name, _TYPES[port.element_type.get_type_name()], sizes)


def _notes_of(model: Any) -> Mapping[str, str]:  # noqa: ANN401 - as above
    paths = {key: [_NOTES, key] for key in (TAKES_KEY, GIVES_KEY)}
    return {
        key: str(model.get_rt_info(path).value)
        for key, path in paths.items()
        if model.has_rt_info(path)
    }
