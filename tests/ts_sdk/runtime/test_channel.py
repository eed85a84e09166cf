"""Messages between two processes; here both ends are in one."""

import os
import threading

import pytest

from ts_sdk.runtime.channel import ChannelClosedError, Kind, Unreadable, channel_pair
from ts_sdk.runtime.pickling import Packed, pack


@pytest.fixture
def ends():
    pair = channel_pair()
    yield pair
    for end in pair:
        end.close()


def test_a_message_arrives_with_its_parts(ends):
    here, there = ends
    here.send(Kind.BATCH, [pack("first"), pack({"second": 2})])
    message = there.receive()
    assert message.kind is Kind.BATCH
    assert message.parts == ["first", {"second": 2}]


@pytest.mark.parametrize("size", [0, 1, 16_000, 17_000, 70_000, 5_000_000])
def test_a_body_of_any_size_arrives_both_ways_and_again(ends, size):
    here, there = ends
    for turn in range(3):
        body = bytes([turn + 1]) * size
        here.send(Kind.BATCH, [pack(body), pack(turn)])
        assert there.receive().parts == [body, turn]
        there.send(Kind.REPLIES, [pack(turn), pack(bytearray(body))])
        assert here.receive().parts == [turn, body]


def test_large_then_small_then_larger(ends):
    here, there = ends
    for size in (100_000, 10, 3_000_000, 20, 200_000, 40_000_000, 30):
        here.send(Kind.BATCH, [pack(bytes(size))])
        assert there.receive().parts == [bytes(size)]
        there.send(Kind.REPLIES, [])
        assert here.receive().parts == []


def test_messages_out_of_turn_keep_their_order_whatever_their_size(ends):
    """Sent by a thread of its own: the socket holds less than all of them."""
    here, there = ends
    sizes = [10, 300_000, 20, 70_000, 30]

    def send():
        for size in sizes:
            there.send(Kind.PIECE, [pack(bytes(size))], out_of_turn=True)
        there.send(Kind.REPLIES, [pack(bytes(100_000))])

    thread = threading.Thread(target=send)
    thread.start()
    assert [len(here.receive().parts[0]) for _ in sizes] == sizes
    assert len(here.receive().parts[0]) == 100_000
    thread.join()


def test_a_batch_of_many_requests_arrives(ends):
    here, there = ends
    thread = threading.Thread(
        target=here.send, args=(Kind.BATCH, [pack(index) for index in range(20_000)])
    )
    thread.start()
    assert there.receive().parts == list(range(20_000))
    thread.join()


def test_a_part_that_cannot_be_read_spoils_no_other(ends):
    here, there = ends
    damaged = Packed()
    damaged.write(b"no pickle")
    here.send(Kind.REPLIES, [pack(1), damaged, pack(3)])
    first, second, third = there.receive().parts
    assert (first, third) == (1, 3)
    assert isinstance(second, Unreadable)


def test_silence_ends_with_a_timeout(ends):
    here, there = ends
    with pytest.raises(TimeoutError):
        here.receive(0.01)
    there.send(Kind.READY, [pack("late")])
    assert here.receive(10).parts == ["late"]


def test_the_other_side_is_gone(ends):
    here, there = ends
    there.hang_up()
    with pytest.raises(ChannelClosedError):
        here.receive()
    with pytest.raises(ChannelClosedError):
        here.send(Kind.BATCH, [pack(1)])


def test_hanging_up_wakes_a_thread_that_waits(ends):
    here, _ = ends
    woken = threading.Event()

    def wait():
        with pytest.raises(ChannelClosedError):
            here.receive()
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    here.hang_up()
    assert woken.wait(10)
    thread.join()


def test_the_memory_of_a_very_large_message_is_given_back(ends):
    here, there = ends
    here.send(Kind.BATCH, [pack(bytes(50_000_000))])
    there.receive()
    _, outgoing, _ = here.fds
    assert os.fstat(outgoing).st_blocks * 512 < 1_000_000
