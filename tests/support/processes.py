"""A handler that does what its requests say, and what became of its process."""

import os
import signal
import time
from collections.abc import Callable

import psutil

WISHES = """
    import ctypes, os, pathlib, signal, subprocess, sys, time

    class Handler:
        def initialize(self, context):
            self.started = time.time()

        def handle(self, data, context):
            return [self.fulfil(row["body"]) for row in data]

        def fulfil(self, wish):
            if isinstance(wish, dict):
                pathlib.Path(wish["touch"]).touch()
                wish = wish["then"]
            if wish == "pid":
                return os.getpid()
            if wish == "exit":
                print("going down", file=sys.stderr)
                os._exit(3)
            if wish == "segfault":
                ctypes.string_at(0)
            if wish == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if wish == "hang":
                time.sleep(1000)
            if wish == "hang in C":
                ctypes.PyDLL(None).sleep(1000)  # which keeps the interpreter's lock
            if wish == "start a process":
                self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
                return self.process.pid
            if wish == "raise":
                raise KeyError("no such wish")
            return wish
"""
"""A handler that does what its requests say."""


def is_gone(pid: int, longest_s: float = 20) -> bool:
    """Whether process *pid* ends in that time."""
    return eventually(lambda: not _runs(pid), longest_s)


def eventually(condition: Callable[[], bool], longest_s: float = 20) -> bool:
    """Whether *condition* comes true in that time."""
    deadline = time.monotonic() + longest_s
    while not (fulfilled := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return fulfilled


def kill(pid: int) -> None:
    """Kill a process from outside, and wait until it is dead."""
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
