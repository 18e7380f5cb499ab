"""The event loop of a driver, in a thread of its own."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import threading
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class EventLoop(Protocol):
    """What a driver asks of the event loop in which its requests run."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns; tasks that it started go on afterwards."""
        ...

    def cancel_pending(self) -> None:
        """Cancel all that still runs, and return when it has ended."""
        ...

    def close(self) -> None:
        """End the loop, in which nothing runs any more; may be called twice."""
        ...


class LoopThread:
    """An event loop that no signal interrupts: Python runs signal handlers in the main thread.

    An interrupt between two steps of a loop can lose the wake-up of a task, which then never ends.
    """

    def __init__(self) -> None:
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="load", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def cancel_pending(self) -> None:
        self.run(cancel_others())

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop where that is installed: it takes less processor time for each message."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    return loop


async def cancel_others() -> None:
    """Cancel all other tasks of the running loop, and return when they have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others)
