"""An asyncio event loop on a virtual clock."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from llenergymeasure.load.event_loop import cancel_others
from llenergymeasure.testing.virtual_clock import VirtualClock

T = TypeVar("T")


class VirtualLoop:
    """The event loop of a driver in which hours take no time; it runs in the thread that calls it.

    It is for code that waits for time alone; a socket that becomes ready later would make it run ahead.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._loop = _ClockLoop(clock)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def cancel_pending(self) -> None:
        self.run(cancel_others())

    def close(self) -> None:
        if not self._loop.is_closed():
            self.run(self._loop.shutdown_asyncgens())
            self._loop.close()


class _ClockLoop(asyncio.SelectorEventLoop):
    """Where an ordinary loop would wait for its next timer, this one moves the clock."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Impatient(clock))
        self._virtual_clock = clock
        self._origin_ns = clock.now_ns()

    def time(self) -> float:
        """Return seconds since the loop was made: seconds since 1970 would be rounded to a quarter of a microsecond."""
        return (self._virtual_clock.now_ns() - self._origin_ns) / 1e9


class _Impatient(selectors.SelectSelector):
    """Looks for events without waiting and lets the time of the waiting pass on the clock."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could happen: the code under test never ends")
        if not ready and timeout:
            self._clock.sleep(max(timeout, 1e-9))
        return ready
