"""The sampler: what it counts of frames that it is shown, and of threads that really run."""

import sys
import threading
from types import SimpleNamespace

import pytest

from ts_sdk.profiles.sampling import StackSampler, running_threads
from ts_sdk.profiles.stacks import Naming


@pytest.fixture
def naming(tmp_path):
    return Naming(tmp_path)


def frames_of(*names, file="work.py"):
    """The innermost of frames of that name, the outermost first."""
    frame = None
    for name in names:
        code = compile(f"def {name}(): pass", file, "exec").co_consts[0]
        frame = SimpleNamespace(f_code=code, f_back=frame)
    return frame


def seen(sampler):
    return {
        tuple(frame.function for frame in stack): seconds
        for stack, seconds in sampler.stacks.seconds.items()
    }


def test_a_look_counts_with_the_time_since_the_last(naming):
    sampler = StackSampler(naming)
    frame = frames_of("outer", "inner")
    sampler.look({1: frame}, 0.003)
    sampler.look({1: frame}, 0.050)  # the lock was held for so long
    sampler.look({1: frames_of("outer")}, 0.001)
    assert sampler.stacks.samples == 3
    assert sum(seen(sampler).values()) == pytest.approx(0.054)


def test_threads_that_were_there_before_or_wait_are_left_out(naming):
    sampler = StackSampler(naming, frozenset({1}))
    sampler.look(
        {1: frames_of("old"), 2: frames_of("wait", file="/lib/threading.py"), 3: frames_of("new")},
        0.01,
    )
    assert seen(sampler) == {("new",): 0.01}


def test_the_thread_that_enters_the_block_is_sampled_and_what_it_runs_is_found(naming):
    def busy(ends):
        total = 0
        while not ends.is_set():
            total += sum(range(50))
        return total

    timer = threading.Event()
    before = running_threads()
    interval = sys.getswitchinterval()
    with StackSampler(naming, before, every_s=0.001) as sampler:
        assert sys.getswitchinterval() < interval
        threading.Timer(0.3, timer.set).start()
        busy(timer)
    assert sys.getswitchinterval() == interval
    names = {
        frame.function.rpartition(".")[2] for stack in sampler.stacks.seconds for frame in stack
    }
    assert "busy" in names
    assert "_watch" not in names
