"""Sees to it that a handler's process ends when the program does."""

import faulthandler
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable

from ts_sdk.runtime.channel import Channel

_GRACE_S = 2.0
_PERIOD_S = 10.0


class Watch:
    """Sees to it that the process ends when the program does, whatever the handler is doing.

    Args:
        rope: Closed by the program; what it sends are further channels.
        longest_s: The longest time that Python code may be kept from running, None for any.
    """

    def __init__(self, rope: socket.socket, longest_s: float | None) -> None:
        self._rope = rope
        self._longest_s = longest_s
        self._serve: Callable[[Channel], None] | None = None
        self._arming = threading.Lock()
        threading.Thread(target=self._run, name="ts_sdk watch", daemon=True).start()

    def serve_more(self, serve: Callable[[Channel], None], longest_s: float | None) -> None:
        """Serve each further channel in a thread of its own."""
        self._serve = serve
        self._longest_s = longest_s
        self._arm()

    def _run(self) -> None:
        while self._wait():
            content, fds, _, _ = socket.recv_fds(self._rope, 1, 3)
            if not content or self._serve is None:
                break
            channel = Channel.from_fds(*fds)
            threading.Thread(target=self._serve, args=(channel,), daemon=True).start()
        time.sleep(_GRACE_S)  # in which the handler may finish and close
        os.killpg(os.getpgid(0), signal.SIGKILL)

    def _wait(self) -> bool:
        """Wait for the program; as long as Python code runs here, arm again and again."""
        while True:
            self._arm()
            readable, _, _ = select.select([self._rope], [], [], _PERIOD_S)
            if readable:
                return True

    def _arm(self) -> None:
        """Let a thread of C end the process, unless this is called again in time.

        Code that keeps the interpreter's lock for ever would otherwise outlive a program that was
        killed: no Python code could see that it is gone.
        """
        with self._arming:
            if self._longest_s is None:
                faulthandler.cancel_dump_traceback_later()
            else:
                faulthandler.dump_traceback_later(self._longest_s + 3 * _PERIOD_S, exit=True)
