"""The closed loop: a fixed number of clients, each with one request in flight at any time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from llenergymeasure.backends.base import (
    Backend,
    Done,
    EncodedRequest,
    OnlineBackend,
    serves_online,
)
from llenergymeasure.config.load import ClosedLoad
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import RequestRecord, Status
from llenergymeasure.exceptions import BackendError
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.load.event_loop import EventLoop, LoopThread
from llenergymeasure.load.reception import describe_failures, refuse_total_failure
from llenergymeasure.load.schedule import Schedule
from llenergymeasure.load.streaming import stream_request

PAUSE_AFTER_FAILURE_S = 1.0
"""A client that is refused waits so long: one that asks again at once loads the server with refusals."""
FAILURES_PER_CLIENT = 3
"""The backend counts as dead once so many requests per client have failed in a row, none succeeding in between."""


class ClosedLoopDriver:
    """Drives an `OnlineBackend` with clients of one event loop, which lives as long as the experiment.

    A window is a stretch of time in which every client has a request in flight: it begins once the clients have
    together finished one request each, and the requests in flight at its end are finished after it.
    """

    def __init__(
        self,
        load: ClosedLoad,
        backend: OnlineBackend,
        workload: Sequence[EncodedRequest],
        clock: Clock,
        new_loop: Callable[[], EventLoop] = LoopThread,
    ) -> None:
        self._concurrency = load.concurrency
        self._backend = backend
        self._workload = workload
        self._clock = clock
        self._loop = new_loop()

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
    def traffic(self, repeat: int, done: Done) -> Iterator[_Clients]:
        """Start the clients, and on leaving let them finish; requests of a failed window are cancelled."""
        schedule = Schedule(self._workload, repeat, self._clock)
        clients = _Clients(self._backend, schedule, self._clock, done, self._loop, self._concurrency)
        try:
            clients.ramp_up()
            yield clients
            clients.drain()
        finally:
            self._loop.cancel_pending()  # recorded as cancelled

    def synchronize(self) -> None:
        self._backend.synchronize()

    def progress(self, plan: WindowPlan, _requests: int, elapsed_s: float) -> float:
        return min(elapsed_s / plan.min_duration_s, 1.0) if plan.min_duration_s else 1.0

    def close(self) -> None:
        self._loop.close()


class _Clients:
    """The clients of one window or warm-up; see `load.base.Traffic`."""

    def __init__(
        self,
        backend: OnlineBackend,
        schedule: Schedule,
        clock: Clock,
        done: Done,
        loop: EventLoop,
        concurrency: int,
    ) -> None:
        self._backend = backend
        self._schedule = schedule
        self._clock = clock
        self._done = done
        self._loop = loop
        self._concurrency = concurrency
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._is_draining = False
        self._ended = 0
        self._failed_in_a_row = 0
        self._failures: Counter[str] = Counter()

    def ramp_up(self) -> None:
        """Start the clients and return when as many requests have ended as there are clients."""
        self._loop.run(self._start())

    def serve_part(self) -> None:
        self._loop.run(self._wait(seconds=0.0, requests=self._concurrency))

    def serve_window(self, plan: WindowPlan) -> WindowPlan:
        self._loop.run(self._wait(seconds=plan.min_duration_s, requests=1))
        return plan

    def drain(self) -> None:
        """Send nothing more and return when all that is in flight has ended."""
        self._loop.run(self._finish())
        refuse_total_failure(self._ended, self._failures)

    async def _start(self) -> None:
        self._tasks = [asyncio.create_task(self._client()) for _ in range(self._concurrency)]
        for task in self._tasks:
            task.add_done_callback(lambda _task: self._wake.set())
        await self._wait(seconds=0.0, requests=self._concurrency)

    async def _finish(self) -> None:
        self._is_draining = True
        await asyncio.wait(self._tasks)
        self._raise_failure()

    async def _client(self) -> None:
        while not self._is_draining:
            status = await stream_request(self._backend, self._schedule.next(), self._clock, self._report)
            self._check(status)
            self._wake.set()
            if status != "ok":
                await asyncio.sleep(PAUSE_AFTER_FAILURE_S)

    async def _wait(self, *, seconds: float, requests: int) -> None:
        """Return when so much time has passed and so many further requests have ended."""
        enough = self._ended + requests
        timer = asyncio.create_task(asyncio.sleep(seconds))
        timer.add_done_callback(lambda _timer: self._wake.set())
        try:
            while not timer.done() or self._ended < enough:
                self._wake.clear()
                await self._wake.wait()
                self._raise_failure()
        finally:
            timer.cancel()

    def _report(self, record: RequestRecord) -> None:
        self._ended += 1
        if record.status != "ok":
            self._failures[record.error_kind or record.status] += 1
        self._done(record)

    def _check(self, status: Status) -> None:
        """Stop where nothing but failures comes; a server that refuses because it is full is alive."""
        if status == "ok":
            self._failed_in_a_row = 0
        elif status != "rejected":
            self._failed_in_a_row += 1
        if self._failed_in_a_row >= FAILURES_PER_CLIENT * self._concurrency:
            raise BackendError(
                f"the backend no longer answers: the last {self._failed_in_a_row} requests failed "
                f"({describe_failures(self._failures)})"
            )

    def _raise_failure(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()
