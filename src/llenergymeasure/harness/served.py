"""The requests of one stretch of load: recorded as they end, counted for the progress report."""

from __future__ import annotations

from collections.abc import Callable

from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.harness.recorder import Recorder


class ServedRequests:
    """Takes each request that has ended; what ended before `begin` is recorded and not counted."""

    def __init__(self, log: Recorder, event: Callable[[ServedRequests], RunEvent]) -> None:
        self._log = log
        self._event = event
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        self._start_ns = self._log.clock.now_ns()
        self.requests = 0
        self.output_tokens = 0

    def take(self, record: RequestRecord) -> None:
        """Record one request and report the progress, a few times a second at most."""
        self._log.requests.append(record)
        self.requests += 1
        self.output_tokens += record.output_tokens
        self._log.progress(lambda: self._event(self))

    def elapsed_s(self) -> float:
        """Return the seconds since `begin`."""
        return (self._log.clock.now_ns() - self._start_ns) / 1e9
