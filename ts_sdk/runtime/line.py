"""The line to a handler's process: its channels, one a batch at a time, and its lifeline.

The lifeline is a socket that says nothing while the process is wanted. Further channels are sent
over it, for handlers that take several batches at once; when it is closed, the process ends.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ts_sdk.runtime.channel import Channel, ChannelClosedError, channel_pair


class Line:
    """The program's end; calls from several threads are safe.

    Args:
        first: The channel that the process is started with.
        lifeline: The program's end of the lifeline.
    """

    def __init__(self, first: Channel, lifeline: socket.socket) -> None:
        self._first = first
        self._lifeline = lifeline
        self._idle = [first]
        self._busy: list[Channel] = []
        self._hung_up = False
        self._lock = threading.Lock()

    @contextmanager
    def first(self) -> Iterator[Channel]:
        """The first channel, before any other is asked for.

        Raises:
            ChannelClosedError: The process is gone.
        """
        with self._in_use(lambda: self._first):
            yield self._first

    @contextmanager
    def channel(self) -> Iterator[Channel]:
        """A channel that no other thread uses.

        Raises:
            ChannelClosedError: The process is gone.
        """
        with self._in_use(lambda: self._idle[-1] if self._idle else self._further()) as channel:
            yield channel

    def hang_up(self) -> None:
        """End all conversations; threads that wait for a message get a `ChannelClosedError`."""
        with self._lock:
            self._hung_up = True
            self._lifeline.close()
            for channel in self._busy:
                channel.hang_up()
            for channel in self._idle:
                channel.close()
            self._idle.clear()

    def close(self) -> None:
        """Close everything, which no other thread may be using."""
        self._lifeline.close()
        for channel in (*self._idle, *self._busy):
            channel.close()

    @contextmanager
    def _in_use(self, choose: Callable[[], Channel]) -> Iterator[Channel]:
        with self._lock:
            if self._hung_up:
                raise ChannelClosedError(unread=True)
            channel = choose()
            self._idle.remove(channel)
            self._busy.append(channel)
        try:
            yield channel
        except BaseException:
            # What belongs to that conversation may still come over it.
            channel.hang_up()
            raise
        finally:
            with self._lock:
                self._busy.remove(channel)
                if self._hung_up:
                    channel.close()
                else:
                    self._idle.append(channel)

    def _further(self) -> Channel:
        """One more channel, which the process is told of."""
        near, far = channel_pair()
        try:
            socket.send_fds(self._lifeline, [b"c"], far.fds)
        except OSError as error:
            near.close()
            raise ChannelClosedError(unread=True) from error
        finally:
            far.close()
        self._idle.append(near)
        return near


@contextmanager
def open_line() -> Iterator[tuple[Line, tuple[int, ...]]]:
    """A new line, and the descriptors for the process; these are closed after the block."""
    lifeline, far_lifeline = socket.socketpair()
    near, far = channel_pair()
    try:
        yield Line(near, lifeline), (*far.fds, far_lifeline.fileno())
    except BaseException:
        lifeline.close()
        near.close()
        raise
    finally:
        far_lifeline.close()
        far.close()
