"""Backends of `torch.compile`, as `model-config.yaml` names them under ``pt2``."""

import enum
import logging

_logger = logging.getLogger(__name__)


class PT2Backend(enum.StrEnum):
    """The backends that TorchServe 0.12 knows."""

    EAGER = enum.auto()
    AOT_EAGER = enum.auto()
    INDUCTOR = enum.auto()
    NVFUSER = enum.auto()
    AOT_NVFUSER = enum.auto()
    AOT_CUDAGRAPHS = enum.auto()
    OFI = enum.auto()
    FX2TRT = enum.auto()
    ONNXRT = enum.auto()
    IPEX = enum.auto()
    TORCHXLA_TRACE_ONCE = enum.auto()
    OPENVINO = enum.auto()
    TENSORRT = enum.auto()
    HPU_BACKEND = enum.auto()


def check_valid_pt2_backend(backend: str) -> bool:
    """Whether TorchServe, or the torch that is installed, knows a backend of this name."""
    if backend in list(PT2Backend):
        return True
    import torch

    known = torch.compiler.list_backends(())
    if backend in known:
        return True
    _logger.warning("torch.compile has no backend %r; it has %s", backend, ", ".join(known))
    return False
