"""The offline load: all requests of a pass at once, in whole passes over the workload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Protocol

from llenergymeasure.backends.base import (
    Backend,
    Done,
    ScheduledRequest,
    serves_offline,
    serves_online,
)
from llenergymeasure.config.load import OfflineLoad
from llenergymeasure.core.clock import Clock
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.reception import Reception
from llenergymeasure.load.schedule import Schedule


class Server(Protocol):
    """The part of an `OfflineBackend` that serves."""

    def max_batch_size(self) -> int:
        """Return how many requests are computed together at most."""
        ...

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        """Serve requests and return when all have ended."""
        ...


class OfflineDriver:
    """Hands over whole passes; to a backend that streams, as requests in flight together."""

    def __init__(self, _load: OfflineLoad, inputs: DriverInputs) -> None:
        self._backend = inputs.backend
        self._workload = inputs.workload
        self._clock = inputs.clock
        self._closing = ExitStack()
        self._server = self._serving(inputs.backend)

    @staticmethod
    def problem(backend: Backend | type[Backend]) -> str | None:
        """Return why this load cannot be driven with a backend, and what to set instead."""
        if serves_offline(backend) or serves_online(backend):
            return None
        return f"backend '{backend.name}' has neither run() nor stream(): set another backend"

    @contextmanager
    def traffic(self, repeat: int, done: Done, rung: int = 0) -> Iterator[_Passes]:
        """Nothing has to run before a window begins, and nothing is in flight when it ends."""
        schedule = Schedule(self._workload, repeat, self._clock)
        yield _Passes(self._backend.name, self._server, schedule, self._clock, done)

    def synchronize(self) -> None:
        self._backend.synchronize()

    def is_idle(self) -> bool:
        return True

    def client(self) -> None:
        """There is no client: requests are handed over."""

    def drain(self) -> None:
        """Nothing is in flight between passes."""

    def progress(self, plan: WindowPlan, requests: int, elapsed_s: float) -> float:
        return plan.fraction(requests / len(self._workload), elapsed_s)

    def close(self) -> None:
        self._closing.close()

    def _serving(self, backend: Backend) -> Server:
        if serves_offline(backend):
            return backend
        if not serves_online(backend):
            raise ConfigError(str(self.problem(backend)))
        from llenergymeasure.load.at_once import StreamsAtOnce  # an event loop costs start-up time

        streams = StreamsAtOnce(backend, len(self._workload), self._clock)
        self._closing.callback(streams.close)
        return streams


class _Passes:
    """Passes over the workload, one after the other; see `load.base.Traffic`."""

    def __init__(self, backend: str, server: Server, schedule: Schedule, clock: Clock, done: Done) -> None:
        self._backend = backend
        self._server = server
        self._schedule = schedule
        self._clock = clock
        self._done = done

    def serve_part(self) -> None:
        """Serve as many requests as the backend computes together, so that they are served as in a window."""
        self._serve(self._schedule.rest_of_pass(self._server.max_batch_size()))

    def serve_window(self, plan: WindowPlan) -> WindowPlan:
        start_ns = self._clock.now_ns()
        for passes in count(1):
            self._serve(self._schedule.rest_of_pass())
            if plan.is_done(passes, (self._clock.now_ns() - start_ns) / 1e9):
                break
        return WindowPlan(min_duration_s=plan.min_duration_s, passes=passes)

    def _serve(self, requests: list[ScheduledRequest]) -> None:
        reception = Reception(self._backend, requests, self._done, self._clock)
        self._server.run(requests, reception.report)
        reception.close()
