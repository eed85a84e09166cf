"""TorchServe's profiler switch: ``ENABLE_TORCH_PROFILER`` in the environment."""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_SWITCH = "ENABLE_TORCH_PROFILER"
_FOLDER = "pytorch_profiler"
_ROWS = 10
_logger = logging.getLogger(__name__)


def is_switched_on() -> bool:
    """Whether handlers are to run under `torch.profiler`."""
    return bool(os.environ.get(_SWITCH))


@contextmanager
def profiling(arguments: Mapping[str, Any], model_name: str) -> Iterator["torch.profiler.profile"]:
    """Profile the ``with`` block and log which operators took longest.

    Args:
        arguments: Those of `torch.profiler.profile`. When empty, the CPU is profiled, CUDA where it
            is there, and shapes are recorded. Without ``on_trace_ready`` a trace that Chrome and
            TensorBoard read goes to ``pytorch_profiler/MODEL`` in the folder for temporary files.
        model_name: Names the trace's folder.
    """
    import torch

    chosen = dict(arguments)
    if not chosen:
        activities = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        chosen = {"activities": activities, "record_shapes": True}
    if "on_trace_ready" not in chosen:
        folder = Path(tempfile.gettempdir(), _FOLDER, model_name)
        chosen["on_trace_ready"] = torch.profiler.tensorboard_trace_handler(str(folder))
        _logger.info("the profiler writes its trace to %s", folder)
    with torch.profiler.profile(**chosen) as profile:
        yield profile
    _logger.info("%s", profile.key_averages().table(sort_by="cpu_time_total", row_limit=_ROWS))
