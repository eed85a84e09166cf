"""What of TorchServe's modules has no counterpart here, and what to do instead."""

from collections.abc import Mapping
from typing import Final

_SERVER = "it is a part of the server; ts_sdk.load runs an archive in this process"
_MANY_GPUS = "it spreads one model over several GPUs; here a model runs on the CPU or on one GPU"
_DALI = "it needs NVIDIA DALI; decode the pictures in preprocess(), as ts_sdk's own handlers do"
_MEASURING = "it measures the machine for the server's log; psutil has the same figures"
_OWN_TESTS = "it belongs to TorchServe's own tests"

OMISSIONS: Final[Mapping[str, str]] = {
    "ts.arg_parser": _SERVER,
    "ts.async_service": _SERVER,
    "ts.launcher": _SERVER,
    "ts.llm_launcher": _SERVER,
    "ts.model_server": _SERVER,
    "ts.model_service_worker": _SERVER,
    "ts.handler_utils.distributed": _MANY_GPUS,
    "ts.handler_utils.preprocess": _DALI,
    "ts.handler_utils.micro_batching:WorkerThread": "threads are MicroBatching's own affair",
    "ts.handler_utils.micro_batching:execute_call": "threads are MicroBatching's own affair",
    "ts.metrics.metric_collector": _MEASURING,
    "ts.metrics.process_memory_metric": _MEASURING,
    "ts.metrics.system_metrics": _MEASURING,
    "ts.torch_handler.base_handler:ipex": "it needs Intel's extension, which has been retired",
    "ts.torch_handler.base_handler:xm": "models do not run on XLA devices here",
    "ts.torch_handler.dali_handler": _DALI,
    "ts.torch_handler.dali_image_classifier": _DALI,
    "ts.torch_handler.distributed": _MANY_GPUS,
    "ts.torch_handler.trt_llm_handler": (
        "it needs TensorRT-LLM of 2024; call that library in a handler of your own"
    ),
    "ts.torch_handler.vllm_handler": (
        "it needs vLLM of 2024; call that library in an async handler of your own"
    ),
    "ts.torch_handler.unit_tests.conftest": _OWN_TESTS,
    "ts.torch_handler.unit_tests.models": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_base_handler": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_envelopes": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_image_classifier": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_image_segmenter": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_mnist_kf": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_object_detector": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_utils.model_dir:REPO_DIR": _OWN_TESTS,
    "ts.torch_handler.unit_tests.test_utils.model_dir:download_model": (
        "it fetches weights into a cache of TorchServe's sources; urllib.request fetches a file"
    ),
    "ts.utils.hf_utils": "huggingface_hub.snapshot_download does the same",
    "ts.utils.setup_model_venv": 'ts_sdk.load(..., isolation="venv") makes the environment',
    "ts.version:version_path": "there is no such file; the version is ts.__version__",
}
"""Old module, or ``module:name``, → why it is not there. What is below a module is left out too."""


def why_omitted(module: str, name: str | None = None) -> str | None:
    """Why *name* of old module *module*, or the module itself, is left out; None when it is not."""
    if name is not None and f"{module}:{name}" in OMISSIONS:
        return OMISSIONS[f"{module}:{name}"]
    path = module if name is None else f"{module}.{name}"
    while path:
        if path in OMISSIONS:
            return OMISSIONS[path]
        path = path.rpartition(".")[0]
    return None
