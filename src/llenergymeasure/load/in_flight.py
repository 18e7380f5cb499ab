"""The requests that are in flight in an event loop, counted as they end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from llenergymeasure.backends.base import Done, OnlineBackend, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import RequestRecord, Status
from llenergymeasure.exceptions import BackendError
from llenergymeasure.load.reception import describe_failures, refuse_total_failure
from llenergymeasure.load.streaming import stream_request


@dataclass(frozen=True, kw_only=True)
class Patience:
    """When a backend counts as dead: after so many failures in a row, over such a time, and no success in between."""

    failures: int
    seconds: float = 0.0


class InFlight:
    """Sends requests and watches for a backend that no longer answers; its coroutines run in one event loop."""

    def __init__(self, backend: OnlineBackend, clock: Clock, patience: Patience) -> None:
        self._backend = backend
        self._clock = clock
        self._patience = patience
        self._done: Done = _nobody
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._failed_in_a_row = 0
        self._failing_since_ns: int | None = None
        self._failures: Counter[str] = Counter()
        self._counted = 0
        self.ended = 0
        """Requests that have ended."""

    def __len__(self) -> int:
        """The number of tasks that have not ended."""
        return len(self._tasks)

    def go_on(self) -> None:
        """Let pauses last as long as they are to; from a coroutine."""
        self._stopping.clear()

    def stop(self) -> None:
        """End the pauses: nothing more is to be sent; from a coroutine."""
        self._stopping.set()

    async def pause(self, seconds: float) -> bool:
        """Wait between two requests; return whether the next one is to be sent."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return not self._stopping.is_set()

    def report_to(self, done: Done) -> None:
        """Report the requests that end from now on to `done`, and begin to count failures anew."""
        self._done = done
        self._counted = 0
        self._failures = Counter()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin with a task that sends requests; what it raises is raised by `wait`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def send(self, request: ScheduledRequest) -> Status:
        """Send one request and return its status when it has ended.

        Raises:
            BackendError: the backend no longer answers.
        """
        status = await stream_request(self._backend, request, self._clock, self.report)
        self._check(status)
        self._wake.set()
        return status

    def report(self, record: RequestRecord) -> None:
        """Count and pass on a request that has ended."""
        self.ended += 1
        self._counted += 1
        if record.status != "ok":
            self._failures[record.error_kind or record.status] += 1
        self._done(record)

    async def wait(self, *, seconds: float = 0.0, requests: int = 0) -> None:
        """Return when so much time has passed and so many further requests have ended.

        Raises:
            BackendError: the backend can serve no further request.
        """
        enough = self.ended + requests
        timer = asyncio.create_task(asyncio.sleep(seconds))
        timer.add_done_callback(lambda _timer: self._wake.set())
        try:
            self._raise_failure()
            while not timer.done() or self.ended < enough:
                self._wake.clear()
                await self._wake.wait()
                self._raise_failure()
        finally:
            timer.cancel()

    async def wait_for_all(self, most_s: float | None = None) -> None:
        """Return when every task has ended, after such a time at most; what is in flight then is cancelled.

        Raises:
            BackendError: the backend can serve no further request.
        """
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=most_s)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)
        await asyncio.sleep(0)  # the callbacks of tasks that ended
        self._raise_failure()

    def refuse_total_failure(self) -> None:
        """Stop a run whose requests all failed since `report_to`.

        Raises:
            BackendError: with the kinds of failure.
        """
        refuse_total_failure(self._counted, self._failures)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and self._failure is None:
            self._failure = task.exception()
        self._wake.set()

    def _check(self, status: Status) -> None:
        """Stop where nothing but failures comes; a server that refuses because it is full is alive."""
        if status == "ok":
            self._failed_in_a_row, self._failing_since_ns = 0, None
            return
        now_ns = self._clock.now_ns()
        if self._failing_since_ns is None:
            self._failing_since_ns = now_ns
        if status != "rejected":
            self._failed_in_a_row += 1
        enough = self._failed_in_a_row >= self._patience.failures
        if enough and (now_ns - self._failing_since_ns) / 1e9 >= self._patience.seconds:
            raise BackendError(
                f"the backend no longer answers: the last {self._failed_in_a_row} requests failed "
                f"({describe_failures(self._failures)})"
            )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _nobody(_record: RequestRecord) -> None:
    """Before the first traffic nothing is sent."""
