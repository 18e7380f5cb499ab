"""Loads with times of their own: the open loop and the replay of a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llenergymeasure.backends.base import Backend, Done, serves_online
from llenergymeasure.config.load import OpenLoad, ReplayLoad
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.request import WARMUP_REPEAT
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.client_watch import ClientWatch
from llenergymeasure.load.dispatch import Dispatch
from llenergymeasure.load.event_loop import EventLoop, LoopThread
from llenergymeasure.load.planning.timetable import Timetable
from llenergymeasure.load.planning.timing import timing_of
from llenergymeasure.load.schedule import Ramps, Schedule, label_of

PART_S = 0.25
"""How long a part of the warm-up lasts."""


class TimedDriver:
    """Sends each request when it is due, whether the earlier ones have ended or not.

    A window is a stretch of time, with a stream of arrivals of its own. The load goes on between windows, until it is
    drained. Where it has to begin and its timing has no start of its own, the window waits until about as many requests
    have ended as are in flight.
    """

    def __init__(
        self,
        load: OpenLoad | ReplayLoad,
        inputs: DriverInputs,
        new_loop: Callable[[], EventLoop] = LoopThread,
    ) -> None:
        if not serves_online(inputs.backend):
            raise ConfigError(str(self.problem(inputs.backend)))
        self._backend = inputs.backend
        self._traffic = _Arrivals(load, inputs, new_loop(), Dispatch(load, inputs, inputs.backend))

    @staticmethod
    def problem(backend: Backend | type[Backend]) -> str | None:
        """Return why this load cannot be driven with a backend, and what to set instead."""
        if serves_online(backend):
            return None
        return (
            f"load.kind: open and replay send each request at a time of its own, and backend '{backend.name}' only "
            "takes all of them at once: set load.kind: offline"
        )

    @contextmanager
    def traffic(self, repeat: int, done: Done, rung: int = 0) -> Iterator[_Arrivals]:
        """Let requests arrive at the rate of the rung; requests of a failed window are cancelled."""
        try:
            self._traffic.ramp_up(repeat, done, rung)
            yield self._traffic
        except BaseException:
            self._traffic.cancel()
            raise

    def synchronize(self) -> None:
        self._backend.synchronize()

    def is_idle(self) -> bool:
        return not self._traffic.is_running

    def progress(self, plan: WindowPlan, _requests: int, elapsed_s: float) -> float:
        duration_s = self._traffic.timing.window_s(plan)
        return min(elapsed_s / duration_s, 1.0) if duration_s else 1.0

    def client(self) -> ClientWindow | None:
        return self._traffic.observed

    def drain(self) -> None:
        self._traffic.drain()

    def close(self) -> None:
        self._traffic.close()


class _Arrivals:
    """The streams of arrivals of an experiment, one after the other; see `load.base.Traffic`."""

    def __init__(
        self, load: OpenLoad | ReplayLoad, inputs: DriverInputs, loop: EventLoop, dispatch: Dispatch
    ) -> None:
        self._inputs = inputs
        self._loop = loop
        self._dispatch = dispatch
        self._repeat, self._rung = WARMUP_REPEAT, 0
        self._streams = 0
        self._ramps = Ramps()
        self._next: Timetable | None = None
        self.timing = timing_of(load, inputs)
        self.is_running = False
        self.observed: ClientWindow | None = None

    def ramp_up(self, repeat: int, done: Done, rung: int) -> None:
        """Let the load of a warm-up begin, or what comes before a window where nothing is in flight."""
        self._dispatch.requests.report_to(done)
        self._repeat, self._rung = repeat, rung
        lead_in_s = None if self.is_running else self.timing.lead_in_s
        if repeat < 0 or lead_in_s is not None:
            stream = self._timetable(*self._ramps.next(repeat), is_start=not self.is_running)
            self.is_running = True
            self._loop.run(self._dispatch.switch_to(stream))
        if repeat >= 0:
            self._next = self._timetable(repeat, label_of(repeat), is_start=False)
            if lead_in_s is not None:
                self._loop.run(self._dispatch.settle(lead_in_s))

    def serve_part(self) -> None:
        self._loop.run(self._dispatch.requests.wait(seconds=PART_S))

    def serve_window(self, plan: WindowPlan) -> WindowPlan:
        self.is_running = True
        self._loop.run(self._serve(self.timing.window_s(plan)))
        return plan

    def drain(self) -> None:
        """Send nothing more, and return when all that is in flight has ended."""
        if self.is_running:
            self.is_running = False
            self._loop.run(self._dispatch.drain())
            self._dispatch.requests.refuse_total_failure()

    def cancel(self) -> None:
        """Cancel all that is in flight, which is recorded."""
        self.is_running = False
        self._loop.cancel_pending()

    def close(self) -> None:
        if self.is_running:
            self.cancel()
        self._loop.close()

    async def _serve(self, duration_s: float) -> None:
        if self._next is not None:
            await self._dispatch.switch_to(self._next)
        watch = ClientWatch()
        await self._dispatch.requests.wait(seconds=duration_s, requests=1)
        self.observed = watch.end(self._repeat)
        self._dispatch.requests.refuse_total_failure()

    def _timetable(self, repeat: int, label: str, *, is_start: bool) -> Timetable:
        times_s = self.timing.times_s(self._rung, label, is_start=is_start)
        schedule = Schedule(self._inputs.workload, repeat, self._inputs.clock, label)
        self._streams += 1
        return Timetable(times_s, schedule, self._streams - 1, self._inputs.plan)
