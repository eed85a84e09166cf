"""ONNX models in onnxruntime, with TorchServe's call."""

import os
from typing import Any


def setup_ort_session(model_pt_path: str | os.PathLike[str], map_location: str | None) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """A session that runs a model.

    Args:
        model_pt_path: The ``.onnx`` file.
        map_location: ``cuda`` for the GPU where onnxruntime has it; all else is the CPU.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    import onnxruntime

    wanted = {"CPUExecutionProvider"} | (
        {"CUDAExecutionProvider"} if map_location == "cuda" else set()
    )
    providers = [name for name in onnxruntime.get_available_providers() if name in wanted]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 0
    return onnxruntime.InferenceSession(
        os.fspath(model_pt_path), sess_options=options, providers=providers
    )
