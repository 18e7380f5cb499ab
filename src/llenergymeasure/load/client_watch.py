"""How late the event loop of a load is, and the processor time that it takes."""

from __future__ import annotations

import asyncio
import time

from llenergymeasure.domain.load.client import ClientWindow

LOOK_EVERY_S = 0.02
"""Fifty looks a second: enough for the 99 % of a window of ten seconds, and less than a thousandth of a processor."""


class ClientWatch:
    """Looks at the running event loop until it is asked; made and asked in the loop."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()
        self._cpu_s = time.thread_time()
        self._lags_s: list[float] = []
        self._task = asyncio.create_task(self._look())

    def end(self, repeat: int) -> ClientWindow:
        """Return what was observed since."""
        self._task.cancel()
        lags_s = sorted(self._lags_s)
        return ClientWindow(
            repeat=repeat,
            duration_s=time.monotonic() - self._start_s,
            loop_lag_p99_s=lags_s[min(len(lags_s) * 99 // 100, len(lags_s) - 1)] if lags_s else None,
            loop_lag_max_s=lags_s[-1] if lags_s else None,
            cpu_s=time.thread_time() - self._cpu_s,
        )

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self._lags_s.append(max(loop.time() - due_s, 0.0))
