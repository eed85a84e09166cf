"""ONNX models, run by onnxruntime on the tensors' own memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.dlpack import from_dlpack

from ts_sdk.cores import worker_threads
from ts_sdk.errors import DeviceUnavailableError, LoadError, ModelFormatError
from ts_sdk.formats.onnx_graph import OnnxGraph
from ts_sdk.formats.refusal import ONNX_EXTRA
from ts_sdk.formats.signature import Signature, Size, TensorInput

if TYPE_CHECKING:
    from types import ModuleType

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_ERRORS_ONLY = 3

# Name in a session's description → torch's name, and number in ONNX's TensorProto.DataType.
_TYPES = {
    "float": (torch.float32, 1),
    "uint8": (torch.uint8, 2),
    "int8": (torch.int8, 3),
    "uint16": (torch.uint16, 4),
    "int16": (torch.int16, 5),
    "int32": (torch.int32, 6),
    "int64": (torch.int64, 7),
    "bool": (torch.bool, 9),
    "float16": (torch.float16, 10),
    "double": (torch.float64, 11),
    "uint32": (torch.uint32, 12),
    "uint64": (torch.uint64, 13),
    "bfloat16": (torch.bfloat16, 16),
    "float8e4m3fn": (torch.float8_e4m3fn, 17),
    "float8e5m2": (torch.float8_e5m2, 19),
}
_NUMBERS = dict(_TYPES.values())


def load(path: Path, device: torch.device) -> "OnnxModel":
    """The ONNX model in *path*, on *device*.

    Raises:
        LoadError: onnxruntime is not installed, or cannot use CUDA.
        ModelFormatError: The file is damaged, or needs operators that onnxruntime has not.
    """
    runtime = _import_runtime(path.name)
    providers = _providers(runtime, path.name, device)
    try:
        session = runtime.InferenceSession(
            str(path), _options(runtime), providers=providers, enable_fallback=0
        )
    except Exception as error:
        raise ModelFormatError(
            f"{path.name} cannot be loaded as ONNX by onnxruntime {runtime.__version__}: "
            f"{str(error).strip()}"
        ) from error
    if device.type == "cuda" and session.get_providers()[0] != _CUDA:
        raise _no_cuda(path.name, device, "it failed to start CUDA; its log says why")
    return OnnxModel(session, path.name, device)


def _import_runtime(name: str) -> "ModuleType":
    try:
        import onnxruntime
    except ImportError as error:
        raise LoadError(
            f"{name} is an ONNX model, which onnxruntime runs, and that cannot be imported "
            f"({error}): {ONNX_EXTRA}",
            phase="load model",
        ) from error
    runtime: ModuleType = onnxruntime
    return runtime


def _options(runtime: "ModuleType") -> Any:  # noqa: ANN401 - onnxruntime has no types
    options = runtime.SessionOptions()
    # As many threads as torch has, so that what the user set for torch holds here too, and none
    # that waits for work by spinning once an answer is there: preprocessing needs the cores.
    options.intra_op_num_threads = worker_threads.get() or torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = _ERRORS_ONLY
    return options


def _providers(runtime: "ModuleType", name: str, device: torch.device) -> list[Any]:
    if device.type == "cpu":
        return [_CPU]
    if device.type != "cuda":
        raise DeviceUnavailableError(
            f"{name} is an ONNX model, which runs on the CPU or CUDA and not on {device}: use "
            "device='cpu'",
            device=str(device),
        )
    if _CUDA not in runtime.get_available_providers():
        raise _no_cuda(name, device, "the installed onnxruntime was built without CUDA")
    # Without the CPU, operators that have no CUDA kernel would make the model fail to load.
    return [(_CUDA, {"device_id": device.index or 0}), _CPU]


def _no_cuda(name: str, device: torch.device, why: str) -> DeviceUnavailableError:
    return DeviceUnavailableError(
        f"{name} is an ONNX model and cannot run on {device}: {why}; pip install onnxruntime-gpu "
        "(in place of onnxruntime), or use device='cpu'",
        device=str(device),
    )


class OnnxModel(OnnxGraph):
    """An onnxruntime session that is called like a module.

    Everything else of a session (`run`, `get_inputs`, …) is there too, as TorchServe's handlers use
    it.

    Attributes:
        session: The session itself.
    """

    form = "an ONNX model"
    elsewhere = "load the archive with device='{device}'"

    def __init__(self, session: Any, name: str, device: torch.device) -> None:  # noqa: ANN401 - onnxruntime has no types
        outputs = session.get_outputs()
        notes = session.get_modelmeta().custom_metadata_map
        super().__init__(name, device, _signature_of(session), len(outputs), notes)
        self.session = session
        self._names = [each.name for each in session.get_inputs()]
        self._outputs = [each.name for each in outputs]
        self._is_plain = all(
            each.type.startswith("tensor(") and each.type != "tensor(string)" for each in outputs
        ) and all(each is not None for each in self.signature.inputs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what the session has
        try:
            return super().__getattr__(name)
        except AttributeError:
            session = self.__dict__.get("session")
            if session is None or name.startswith("_"):
                raise
            return getattr(session, name)

    def _answer(self, given: list[Any]) -> Any:  # noqa: ANN401 - as the model gives
        if not self._is_plain:  # texts, lists and maps, as of models that are no networks
            return self.session.run(None, dict(zip(self._names, given, strict=True)))
        return super()._answer(given)

    def _run(self, tensors: list[Any]) -> list[torch.Tensor]:
        """Run the session on the tensors' memory; the outputs are in that of onnxruntime."""
        kind, index = self.device.type, self.device.index or 0
        binding = self.session.io_binding()
        kept = []  # the binding knows their addresses only
        for name, tensor in zip(self._names, tensors, strict=True):
            block = tensor.contiguous()
            kept.append(block)
            number, shape = _NUMBERS[block.dtype], tuple(block.shape)
            binding.bind_input(name, kind, index, number, shape, block.data_ptr())
        for name in self._outputs:
            binding.bind_output(name, kind, index)
        if kind == "cuda":  # onnxruntime has a stream of its own
            torch.cuda.current_stream(self.device).synchronize()
        self.session.run_with_iobinding(binding)
        return [from_dlpack(value) for value in binding.get_outputs()]


def _signature_of(session: Any) -> Signature:  # noqa: ANN401 - onnxruntime has no types
    return Signature(tuple(_input_of(each) for each in session.get_inputs()))


def _input_of(described: Any) -> TensorInput | None:  # noqa: ANN401 - as above
    word = described.type.removeprefix("tensor(").removesuffix(")")
    if word not in _TYPES:
        return None
    shape: tuple[Size, ...] | None = tuple(described.shape)
    if not shape:  # a number alone, or anything: onnxruntime does not say which
        return TensorInput(described.name, _TYPES[word][0], None)
    return TensorInput(described.name, _TYPES[word][0], shape)
