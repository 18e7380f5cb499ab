"""The closed loop: a fixed number of clients, each with one request in flight at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from llenergymeasure.backends.base import Backend, Done, ScheduledRequest, serves_online
from llenergymeasure.config.load import ClosedLoad
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.request import WARMUP_REPEAT
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.client_watch import ClientWatch
from llenergymeasure.load.event_loop import EventLoop, LoopThread
from llenergymeasure.load.in_flight import InFlight, Patience
from llenergymeasure.load.schedule import Ramps, Schedule, label_of

PAUSE_AFTER_FAILURE_S = 1.0
"""A client that is refused waits so long: one that asks again at once loads the server with refusals."""
FAILURES_PER_CLIENT = 3
"""The backend counts as dead once so many requests per client have failed in a row, none succeeding in between."""


class ClosedLoopDriver:
    """Drives an `OnlineBackend` with clients of one event loop, which live as long as the experiment.

    A window is a stretch of time in which every client has a request in flight. The clients go on between windows,
    until they are drained; where they have to begin, the window waits until they have together finished one request
    each.
    """

    def __init__(
        self, load: ClosedLoad, inputs: DriverInputs, new_loop: Callable[[], EventLoop] = LoopThread
    ) -> None:
        if not serves_online(inputs.backend):
            raise ConfigError(str(self.problem(inputs.backend)))
        self._backend = inputs.backend
        self._loop = new_loop()
        patience = Patience(failures=FAILURES_PER_CLIENT * int(load.rungs()[-1]))
        self._clients = _Clients(load, inputs, self._loop, InFlight(inputs.backend, inputs.clock, patience))

    @staticmethod
    def problem(backend: Backend | type[Backend]) -> str | None:
        """Return why this load cannot be driven with a backend, and what to set instead."""
        if serves_online(backend):
            return None
        return (
            f"load.kind: closed sends each request when an earlier one has ended, and backend '{backend.name}' only "
            "takes all of them at once: set load.kind: offline"
        )

    @contextmanager
    def traffic(self, repeat: int, done: Done, rung: int = 0) -> Iterator[_Clients]:
        """Let as many clients run as the rung has; requests of a failed window are cancelled."""
        try:
            self._clients.ramp_up(repeat, done, rung)
            yield self._clients
        except BaseException:
            self._clients.is_running = False
            self._loop.cancel_pending()  # recorded as cancelled
            raise

    def synchronize(self) -> None:
        self._backend.synchronize()

    def is_idle(self) -> bool:
        return not self._clients.is_running

    def progress(self, plan: WindowPlan, _requests: int, elapsed_s: float) -> float:
        return min(elapsed_s / plan.min_duration_s, 1.0) if plan.min_duration_s else 1.0

    def client(self) -> ClientWindow | None:
        return self._clients.observed

    def drain(self) -> None:
        self._clients.drain()

    def close(self) -> None:
        if self._clients.is_running:
            self._clients.is_running = False
            self._loop.cancel_pending()
        self._loop.close()


class _Clients:
    """The clients of an experiment; see `load.base.Traffic`."""

    def __init__(self, load: ClosedLoad, inputs: DriverInputs, loop: EventLoop, requests: InFlight) -> None:
        self._load = load
        self._inputs = inputs
        self._loop = loop
        self._requests = requests
        self._repeat = WARMUP_REPEAT
        self._schedule: Schedule | None = None
        self._ramps = Ramps()
        self.is_running = False
        self.observed: ClientWindow | None = None

    def ramp_up(self, repeat: int, done: Done, rung: int) -> None:
        """Return when as many clients run; where any had to begin, after as many requests as there are clients."""
        self._requests.report_to(done)
        self._repeat = repeat
        self._loop.run(self._start(int(self._load.rungs()[rung])))

    def serve_part(self) -> None:
        self._loop.run(self._requests.wait(requests=len(self._requests)))

    def serve_window(self, plan: WindowPlan) -> WindowPlan:
        self._loop.run(self._serve(plan))
        return plan

    def drain(self) -> None:
        """Send nothing more and return when all that is in flight has ended."""
        if self.is_running:
            self.is_running = False
            self._loop.run(self._finish())
            self._requests.refuse_total_failure()

    async def _start(self, clients: int) -> None:
        new = clients - len(self._requests)
        if self._repeat < 0 or new:
            self._schedule = self._new_schedule(*self._ramps.next(self._repeat))
        self.is_running = True
        self._requests.go_on()
        for _ in range(new):
            self._requests.start(self._client())
        if new:
            await self._requests.wait(requests=clients)

    async def _finish(self) -> None:
        self._requests.stop()
        await self._requests.wait_for_all()

    async def _serve(self, plan: WindowPlan) -> None:
        self._schedule = self._new_schedule(self._repeat, label_of(self._repeat))
        watch = ClientWatch()
        await self._requests.wait(seconds=plan.min_duration_s, requests=1)
        self.observed = watch.end(self._repeat)
        self._requests.refuse_total_failure()

    def _new_schedule(self, repeat: int, label: str) -> Schedule:
        return Schedule(self._inputs.workload, repeat, self._inputs.clock, label)

    async def _client(self) -> None:
        while self.is_running and self._schedule is not None:
            first, *later = self._schedule.next_session()
            await self._send(first)
            for planned in later:
                if not await self._requests.pause(self._load.think_time_s):
                    return
                await self._send(self._due_now(planned))

    async def _send(self, request: ScheduledRequest) -> None:
        if await self._requests.send(request) != "ok":
            await self._requests.pause(PAUSE_AFTER_FAILURE_S)

    def _due_now(self, planned: ScheduledRequest) -> ScheduledRequest:
        """Return a later turn, which belongs to the window in which it is due."""
        repeat = planned.repeat if self._schedule is None else self._schedule.repeat
        return replace(planned, scheduled_unix_ns=self._inputs.clock.now_ns(), repeat=repeat)
