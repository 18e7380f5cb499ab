"""The event loop in which vLLM's engine answers, and the way from there into the loop of a load driver."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class EngineLoop:
    """One event loop in a thread of its own, as long as the engine lives: drivers and their loops come and go."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Return what `work` returns; it is cancelled where it takes longer.

        Raises:
            TimeoutError: it does.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except concurrent.futures.TimeoutError as error:  # another class before Python 3.11
            raise TimeoutError from error
        finally:
            future.cancel()

    async def relay(self, items: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
        """Iterate in the engine's loop, and yield each item in the loop of the caller.

        Where the caller leaves early, the iteration is cancelled in the engine's loop.
        """
        here = asyncio.get_running_loop()
        queue: asyncio.Queue[T | _End] = asyncio.Queue()

        def put(item: T | _End) -> None:
            with suppress(RuntimeError):  # the loop of the caller is closed: nobody waits any more
                here.call_soon_threadsafe(queue.put_nowait, item)

        future = asyncio.run_coroutine_threadsafe(_pump(items, put), self._loop)
        try:
            while not isinstance(item := await queue.get(), _End):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            future.cancel()

    def close(self) -> None:
        """Cancel what still runs and end the loop; may be called twice."""
        if self._loop.is_closed():
            return
        with suppress(TimeoutError):
            self.run(_cancel_others(), timeout_s=5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5.0)
        if not self._thread.is_alive():
            self._loop.close()


class _End:
    """The end of an iteration, with what ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


async def _pump(items: Callable[[], AsyncIterator[T]], put: Callable[[Any], None]) -> None:
    try:
        async for item in items():
            put(item)
    except BaseException as error:
        put(_End(error))
        if isinstance(error, asyncio.CancelledError):
            raise
    else:
        put(_End())


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others)
