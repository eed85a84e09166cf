"""What two processes say to each other: messages of several parts, small ones over a socket.

A message that is large travels through an arena, and the socket carries only its outline. The two
sides take turns, the arena carries one message a turn, and so none is overwritten before it was
read. What is said out of turn (the pieces of a streamed answer) goes through the socket whole.
"""

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ts_sdk.runtime.arena import Arena
from ts_sdk.runtime.pickling import Packed, unpack

_HEAD = struct.Struct("<BBI")
"""Kind, whether the parts are in the arena, and the number of parts; their sizes follow."""

_INLINE_BYTES = 16 << 10
"""The size from which the arena is quicker than the socket."""

_BUFFER_BYTES = 64 << 10


class Kind(IntEnum):
    """What a message is about."""

    START = 0
    READY = 1
    FAILED = 2
    BATCH = 3
    PIECE = 4
    REPLIES = 5
    EXPLAIN = 6
    PROGRESS = 7


class ChannelClosedError(Exception):
    """The other side is gone.

    Attributes:
        unread: Whether it is known not to have read what was sent last.
    """

    def __init__(self, *, unread: bool = False) -> None:
        super().__init__()
        self.unread = unread


@dataclass(frozen=True)
class Message:
    """What was received.

    Attributes:
        kind: What it is about.
        parts: The value of each part, or an `Unreadable`.
    """

    kind: Kind
    parts: list[Any]


@dataclass(frozen=True)
class Unreadable:
    """A part that this process cannot unpickle.

    Attributes:
        error: Why.
    """

    error: Exception


class Channel:
    """One end of a conversation with another process; one thread at a time uses it.

    Args:
        connection: A connected stream socket.
        outgoing: Where large messages to the other side are written.
        incoming: Where those of the other side are read.
    """

    def __init__(self, connection: socket.socket, outgoing: Arena, incoming: Arena) -> None:
        self._socket = connection
        self._outgoing = outgoing
        self._incoming = incoming
        self._received = _Received(connection)

    @property
    def fds(self) -> tuple[int, int, int]:
        """What the channel consists of, in the order of the arguments of `from_fds`."""
        return self._socket.fileno(), self._outgoing.fd, self._incoming.fd

    @classmethod
    def from_fds(cls, connection: int, outgoing: int, incoming: int) -> "Channel":
        """The channel that consists of these open files, which it closes."""
        return cls(socket.socket(fileno=connection), Arena(outgoing), Arena(incoming))

    def send(self, kind: Kind, parts: Sequence[Packed], *, out_of_turn: bool = False) -> None:
        """Send a message.

        Args:
            kind: What it is about.
            parts: What it says.
            out_of_turn: Whether it is more than the one message of this side's turn.

        Raises:
            ChannelClosedError: The other side is gone.
        """
        size_bytes = sum(part.size_bytes for part in parts)
        chunks = [chunk for part in parts for chunk in part.chunks]
        in_arena = size_bytes > _INLINE_BYTES and not out_of_turn
        sizes = struct.pack(f"<{len(parts)}Q", *(part.size_bytes for part in parts))
        head = _HEAD.pack(kind, in_arena, len(parts)) + sizes
        if in_arena:
            self._outgoing.write(chunks, size_bytes)
            chunks = []
        self._socket.settimeout(None)
        try:
            self._socket.sendall(b"".join((head, *chunks)))
        except OSError as error:
            raise ChannelClosedError(unread=True) from error

    def receive(self, timeout_s: float | None = None) -> Message:
        """Wait for the next message.

        Args:
            timeout_s: The longest wait, None for any.

        Raises:
            ChannelClosedError: The other side is gone.
            TimeoutError: There was none in that time.
        """
        self._socket.settimeout(timeout_s)
        with self._received.take(_HEAD.size) as head:
            kind, in_arena, count = _HEAD.unpack(head)
        with self._received.take(8 * count) as packed:
            sizes = struct.unpack(f"<{count}Q", packed)
        whole = sum(sizes)
        source = self._incoming.read(whole) if in_arena else self._received.take(whole)
        with source as data:
            message = Message(Kind(kind), _unpacked(data, sizes))
        if in_arena:
            self._incoming.done(whole)
        return message

    def hang_up(self) -> None:
        """End the conversation, also for a thread that waits for a message."""
        with suppress(OSError):  # the other side is gone
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of what the channel consists of; no thread may be using it."""
        self._socket.close()
        self._outgoing.close()
        self._incoming.close()


def channel_pair() -> tuple[Channel, Channel]:
    """Both ends of a new channel."""
    one, other = socket.socketpair()
    there, back = Arena.make(), Arena.make()
    return Channel(one, there, back), Channel(other, back.twin(), there.twin())


def _unpacked(data: memoryview, sizes: Sequence[int]) -> list[Any]:
    values: list[Any] = []
    begin = 0
    for size_bytes in sizes:
        with data[begin : begin + size_bytes] as part:
            values.append(_value_of(part))
        begin += size_bytes
    return values


def _value_of(part: memoryview) -> Any:  # noqa: ANN401 - what was sent
    try:
        return unpack(part)
    except Exception as error:  # noqa: BLE001 - the other parts can be read all the same
        return Unreadable(error)


class _Received:
    """The bytes that came over a socket and were not taken yet."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray(_BUFFER_BYTES)
        self._begin = 0
        self._end = 0

    def take(self, size_bytes: int) -> memoryview:
        """The next *size_bytes*; to be released before the next call."""
        self._make_room(size_bytes)
        view = memoryview(self._buffer)
        while self._end - self._begin < size_bytes:
            try:
                count = self._socket.recv_into(view[self._end :])
            except TimeoutError:
                raise
            except OSError as error:
                # A reset says that something was left unread; an orderly end, that nothing was.
                raise ChannelClosedError(unread=isinstance(error, ConnectionResetError)) from error
            if not count:
                raise ChannelClosedError
            self._end += count
        begin = self._begin
        self._begin += size_bytes
        return view[begin : self._begin]

    def _make_room(self, size_bytes: int) -> None:
        """Let the next *size_bytes* be in one piece; what is too large is not kept."""
        if self._begin == self._end:
            self._begin = self._end = 0
            if len(self._buffer) > _BUFFER_BYTES:
                self._buffer = bytearray(_BUFFER_BYTES)
        if self._begin + size_bytes > len(self._buffer):
            rest = self._buffer[self._begin : self._end]
            self._buffer = bytearray(max(_BUFFER_BYTES, size_bytes))
            self._begin, self._end = 0, len(rest)
            self._buffer[: self._end] = rest
