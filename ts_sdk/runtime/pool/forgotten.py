"""What becomes of a pool that nobody refers to any more."""

import os
import threading

from ts_sdk.runtime.pool.alarm import Alarm
from ts_sdk.runtime.pool.deployment import Deployment
from ts_sdk.runtime.pool.directory import Directory


def end_forgotten(owner: int, directory: Directory, alarm: Alarm) -> None:
    """Close a pool that nobody can reach any more; requests that it has are answered first.

    That happens in any thread and at any time, so another thread does what has to wait.
    """
    if os.getpid() == owner:
        leaving = directory.take_all()
        threading.Thread(
            target=_end_all, args=(leaving, alarm), name="ts_sdk closing", daemon=True
        ).start()


def _end_all(leaving: list[Deployment], alarm: Alarm) -> None:
    for deployment in leaving:
        deployment.close(drain=True, timeout_s=None)
    alarm.close()
