"""How many threads torch computes with while pools are open.

Torch keeps that number for each thread, and one for threads that are new to it; its matrix library
keeps a single one. So a lane's thread sets its own, by which all three follow, and when the last
pool is closed, the number for new threads is again what it was. Threads of the program that torch
knows already keep theirs.
"""

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

_lock = threading.Lock()
_holders = 0
_before: int | None = None


def hold() -> None:
    """Remember the number that there is, until `release` was called as often as this."""
    global _holders  # noqa: PLW0603 - the number belongs to the process
    with _lock:
        _holders += 1


def release() -> None:
    """Let the number be what it was when nobody held it."""
    global _holders, _before  # noqa: PLW0603 - as above
    with _lock:
        _holders -= 1
        if _holders or _before is None:
            return
        number, _before = _before, None
    _in_new_thread(lambda: _set(number))


def use(threads: int) -> bool:
    """Compute with so many *threads* in this thread; False where there is no torch yet."""
    global _before  # noqa: PLW0603 - as above
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "set_num_threads"):  # it is being imported
        return False
    with _lock:
        if _before is None:
            _before = _in_new_thread(torch.get_num_threads)
    _set(threads)
    return True


def _set(threads: int) -> None:
    sys.modules["torch"].set_num_threads(threads)


def _in_new_thread(call: Callable[[], _T]) -> _T:
    """What *call* gives in a thread that torch does not know yet."""
    results: list[_T] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]
