"""The offline load: all requests of a pass at once, in whole passes over the workload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from llenergymeasure.backends.base import (
    Backend,
    Done,
    EncodedRequest,
    OfflineBackend,
    ScheduledRequest,
    serves_offline,
)
from llenergymeasure.config.load import OfflineLoad
from llenergymeasure.core.clock import Clock
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.load.reception import Reception
from llenergymeasure.load.schedule import Schedule


class OfflineDriver:
    """Drives an `OfflineBackend`; every window does the work of the first."""

    def __init__(
        self, _load: OfflineLoad, backend: OfflineBackend, workload: Sequence[EncodedRequest], clock: Clock
    ) -> None:
        self._backend = backend
        self._workload = workload
        self._clock = clock

    @staticmethod
    def problem(backend: Backend | type[Backend]) -> str | None:
        """Return why this load cannot be driven with a backend, and what to set instead."""
        if serves_offline(backend):
            return None
        return (
            f"load.kind: offline hands over all requests at once, and backend '{backend.name}' takes them one by one: "
            "set load.kind: closed and load.concurrency"
        )

    @contextmanager
    def traffic(self, repeat: int, done: Done) -> Iterator[_Passes]:
        """Nothing has to run before a window begins, and nothing is in flight when it ends."""
        yield _Passes(self._backend, Schedule(self._workload, repeat, self._clock), self._clock, done)

    def synchronize(self) -> None:
        self._backend.synchronize()

    def progress(self, plan: WindowPlan, requests: int, elapsed_s: float) -> float:
        return plan.fraction(requests / len(self._workload), elapsed_s)

    def close(self) -> None:
        """Nothing stays open between windows."""


class _Passes:
    """Passes over the workload, one after the other; see `load.base.Traffic`."""

    def __init__(self, backend: OfflineBackend, schedule: Schedule, clock: Clock, done: Done) -> None:
        self._backend = backend
        self._schedule = schedule
        self._clock = clock
        self._done = done

    def serve_part(self) -> None:
        """Serve as many requests as the backend computes together, so that each looks like one of a window."""
        self._serve(self._schedule.rest_of_pass(self._backend.max_batch_size()))
        self._backend.synchronize()

    def serve_window(self, plan: WindowPlan) -> WindowPlan:
        start_ns = self._clock.now_ns()
        for passes in count(1):
            self._serve(self._schedule.rest_of_pass())
            if plan.is_done(passes, (self._clock.now_ns() - start_ns) / 1e9):
                break
        return WindowPlan(min_duration_s=plan.min_duration_s, passes=passes)

    def _serve(self, requests: list[ScheduledRequest]) -> None:
        reception = Reception(requests, self._done)
        self._backend.run(requests, reception.report)
        reception.close()
