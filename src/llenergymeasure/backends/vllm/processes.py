"""The processes of vLLM's engine: found when it starts, and ended with it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from llenergymeasure.core.processes.descendants import descendants
from llenergymeasure.core.processes.process_group import GROUP_STEPS, end_processes

if TYPE_CHECKING:
    import psutil

SHUTDOWN_S = 10.0
"""For an engine that was told to end: it frees GPU and shared memory."""


class EngineProcesses:
    """What was started by `multiprocessing` since this was made, and everything that these processes start.

    vLLM starts one process for each engine, and the engine its workers; how many and under which names changes with
    its versions.
    """

    def __init__(self) -> None:
        self._before = {each.pid for each in multiprocessing.active_children()}
        self._known: dict[int, psutil.Process] = {}

    def pids(self) -> Collection[int]:
        """Return the ids of those that run, also of workers whose engine was killed."""
        import psutil

        started = {
            each.pid for each in multiprocessing.active_children()
        } - self._before  # reaps what has ended
        for root in started:
            for pid in () if root is None else (root, *descendants(root)):
                with suppress(psutil.Error):
                    self._known.setdefault(pid, psutil.Process(pid))
        self._known = {pid: each for pid, each in self._known.items() if _is_running(each)}
        return list(self._known)

    def end(self, *, patient: bool) -> Collection[int]:
        """Wait for their end where they were told to (`patient`), then force it; return the ids of what is left."""
        deadline = time.monotonic() + (SHUTDOWN_S if patient else 0.0)
        while self.pids() and time.monotonic() < deadline:
            time.sleep(0.05)
        end_processes(self.pids, GROUP_STEPS)
        return self.pids()


def _is_running(process: psutil.Process) -> bool:
    """`is_running` compares the time at which it began, so that a new process of the same id is another one."""
    import psutil

    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False
