"""The settings that belong to a whole process, which a handler's import must leave alone."""

import locale
import logging
import multiprocessing
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

_PYTHON_SETS = {"LC_CTYPE"}


def process_settings() -> dict[str, Any]:
    """What holds for the process: a phrase for a change of it → its value now."""
    return {
        "changes the working directory": os.getcwd(),  # noqa: PTH109 - compared as text
        "changes the signal handlers": tuple(map(_handler_of, signal.valid_signals())),
        "draws from or seeds random": random.getstate(),
        "changes the level of the root logger": logging.root.level,
        "adds handlers to the root logger": len(logging.root.handlers),
        "turns logging off": logging.root.manager.disable,
        "changes the filters of warnings": tuple(map(repr, warnings.filters)),
        "changes the recursion limit": sys.getrecursionlimit(),
        "changes the locale": locale.setlocale(locale.LC_ALL),
        "starts threads": frozenset(each.name for each in threading.enumerate()),
        "starts processes": len(multiprocessing.active_children()),
        **dict(_of_environment()),
        **dict(_of_numpy()),
        **dict(_of_torch()),
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The phrases of what is no longer as it was."""
    names = dict.fromkeys((*before, *after))
    return [name for name in names if before.get(name) != after.get(name)]


def _handler_of(number: int) -> str:
    return repr(signal.getsignal(number))


def _of_environment() -> Iterator[tuple[str, Any]]:
    for name, value in os.environ.items():
        if name not in _PYTHON_SETS:
            yield f"sets the environment variable {name}", value


def _of_numpy() -> Iterator[tuple[str, Any]]:
    import numpy as np

    state: Any = np.random.get_state()  # noqa: NPY002 - the one that a handler could seed
    yield "draws from or seeds numpy.random", (state[1].tobytes(), *state[2:])
    yield "changes numpy's error handling", tuple(np.geterr().items())


def _of_torch() -> Iterator[tuple[str, Any]]:
    import torch

    backends = torch.backends
    yield "calls torch.manual_seed()", torch.initial_seed()
    yield "calls torch.set_default_dtype()", str(torch.get_default_dtype())
    yield "calls torch.set_default_device()", str(torch.get_default_device())
    yield "calls torch.set_num_threads()", torch.get_num_threads()
    yield "calls torch.set_num_interop_threads()", torch.get_num_interop_threads()
    yield "calls torch.set_grad_enabled()", torch.is_grad_enabled()
    yield (
        "calls torch.use_deterministic_algorithms()",
        torch.are_deterministic_algorithms_enabled(),
    )
    yield (
        "calls torch.set_float32_matmul_precision()",
        torch.get_float32_matmul_precision(),
    )
    yield "calls torch.autograd.set_detect_anomaly()", torch.is_anomaly_enabled()
    yield "sets torch.backends.cudnn.benchmark", backends.cudnn.benchmark
    yield "sets torch.backends.cudnn.deterministic", backends.cudnn.deterministic
    yield "sets torch.backends.cudnn.enabled", backends.cudnn.enabled
    yield "starts CUDA", torch.cuda.is_initialized()  # type: ignore[no-untyped-call] # torch has no types for it
