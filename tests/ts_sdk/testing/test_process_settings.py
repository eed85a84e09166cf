"""Settings of the whole process, and which of them have changed."""

import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from ts_sdk.testing.watching.process_settings import changes, process_settings


@contextmanager
def restored(get, put):
    """A setting that is as before afterwards."""
    before = get()
    try:
        yield
    finally:
        put(before)


@contextmanager
def thread():
    stop = threading.Event()
    started = threading.Thread(target=stop.wait)
    yield started.start
    stop.set()
    started.join()


def handlers():
    return list(logging.root.handlers)


def set_handlers(before):
    logging.root.handlers[:] = before


CHANGES = {
    "changes the working directory": (os.getcwd, os.chdir, lambda: os.chdir("/")),
    "changes the signal handlers": (
        lambda: signal.getsignal(signal.SIGUSR1),
        lambda before: signal.signal(signal.SIGUSR1, before),
        lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    ),
    "draws from or seeds random": (random.getstate, random.setstate, lambda: random.seed(1)),
    "changes the level of the root logger": (
        lambda: logging.root.level,
        logging.root.setLevel,
        lambda: logging.root.setLevel(3),
    ),
    "adds handlers to the root logger": (
        handlers,
        set_handlers,
        lambda: logging.root.addHandler(logging.NullHandler()),
    ),
    "turns logging off": (
        lambda: logging.root.manager.disable,
        logging.disable,
        lambda: logging.disable(logging.CRITICAL),
    ),
    "changes the filters of warnings": (
        lambda: list(warnings.filters),
        lambda before: warnings.filters.__setitem__(slice(None), before),
        lambda: warnings.simplefilter("always"),
    ),
    "changes the recursion limit": (
        sys.getrecursionlimit,
        sys.setrecursionlimit,
        lambda: sys.setrecursionlimit(5_000),
    ),
    "changes the locale": (
        lambda: locale.setlocale(locale.LC_ALL),
        lambda before: locale.setlocale(locale.LC_ALL, before),
        lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8" if _is_plain() else "C"),
    ),
    "sets the environment variable TS_SDK_TEST": (
        lambda: None,
        lambda _: os.environ.pop("TS_SDK_TEST"),
        lambda: os.environ.update(TS_SDK_TEST="1"),
    ),
    "draws from or seeds numpy.random": (
        np.random.get_state,
        np.random.set_state,
        np.random.random,
    ),
    "changes numpy's error handling": (
        np.geterr,
        lambda before: np.seterr(**before),
        lambda: np.seterr(divide="raise", over="ignore"),
    ),
    "calls torch.manual_seed()": (
        torch.initial_seed,
        torch.manual_seed,
        lambda: torch.manual_seed(torch.initial_seed() + 1),
    ),
    "calls torch.set_default_dtype()": (
        torch.get_default_dtype,
        torch.set_default_dtype,
        lambda: torch.set_default_dtype(torch.float64),
    ),
    "calls torch.set_default_device()": (
        lambda: None,
        lambda _: torch.set_default_device(None),
        lambda: torch.set_default_device("meta"),
    ),
    "calls torch.set_num_threads()": (
        torch.get_num_threads,
        torch.set_num_threads,
        lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    ),
    "calls torch.set_grad_enabled()": (
        torch.is_grad_enabled,
        torch.set_grad_enabled,
        lambda: torch.set_grad_enabled(not torch.is_grad_enabled()),
    ),
    "calls torch.use_deterministic_algorithms()": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
        lambda: torch.use_deterministic_algorithms(True),
    ),
    "calls torch.set_float32_matmul_precision()": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        lambda: torch.set_float32_matmul_precision("medium"),
    ),
    "calls torch.autograd.set_detect_anomaly()": (
        torch.is_anomaly_enabled,
        torch.autograd.set_detect_anomaly,
        lambda: torch.autograd.set_detect_anomaly(True),
    ),
    **{
        f"sets torch.backends.cudnn.{name}": (
            lambda name=name: getattr(torch.backends.cudnn, name),
            lambda before, name=name: setattr(torch.backends.cudnn, name, before),
            lambda name=name: setattr(
                torch.backends.cudnn, name, not getattr(torch.backends.cudnn, name)
            ),
        )
        for name in ("benchmark", "deterministic", "enabled")
    },
}


def _is_plain():
    return locale.setlocale(locale.LC_ALL) == "C"


@pytest.mark.parametrize("phrase", CHANGES)
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_each_change_is_told_in_a_phrase_and_nothing_else(phrase):
    get, put, change = CHANGES[phrase]
    with restored(get, put):
        change()  # what torch imports for it, the first time, is not meant
    with restored(get, put):
        before = process_settings()
        change()
        found = changes(before, process_settings())
    assert found == [phrase]


def test_looking_changes_nothing():
    assert changes(process_settings(), process_settings()) == []


def test_a_thread_that_runs_is_told():
    with thread() as start:
        before = process_settings()
        start()
        assert changes(before, process_settings()) == ["starts threads"]


def test_a_variable_that_is_taken_away_or_has_another_value_is_told(monkeypatch):
    monkeypatch.setenv("TS_SDK_FIRST", "1")
    monkeypatch.setenv("TS_SDK_SECOND", "1")
    before = process_settings()
    monkeypatch.delenv("TS_SDK_FIRST")
    monkeypatch.setenv("TS_SDK_SECOND", "2")
    assert changes(before, process_settings()) == [
        "sets the environment variable TS_SDK_FIRST",
        "sets the environment variable TS_SDK_SECOND",
    ]
