"""The requests of a workload in the order in which a driver sends them."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import FILL_REPEAT, WARMUP_REPEAT

_LABELS = {WARMUP_REPEAT: "warmup", FILL_REPEAT: "fill"}


class Schedule:
    """The workload over and over, each request with an id of its own: `r2.p0.PROMPT`, `warmup.p3.PROMPT`."""

    def __init__(self, workload: Sequence[EncodedRequest], repeat: int, clock: Clock) -> None:
        self._workload = workload
        self._repeat = repeat
        self._clock = clock
        self._taken = 0

    def next(self) -> ScheduledRequest:
        """Return the next request, due now."""
        return self._scheduled(self._clock.now_ns())

    def rest_of_pass(self, most: int | None = None) -> list[ScheduledRequest]:
        """Return what is left of this pass over the workload, at most `most` requests, all due now."""
        left = len(self._workload) - self._taken % len(self._workload)
        now_ns = self._clock.now_ns()
        return [self._scheduled(now_ns) for _ in range(left if most is None else min(left, most))]

    def _scheduled(self, due_ns: int) -> ScheduledRequest:
        number, place = divmod(self._taken, len(self._workload))
        self._taken += 1
        encoded = self._workload[place]
        label = _LABELS.get(self._repeat, f"r{self._repeat}")
        return ScheduledRequest(
            request_id=f"{label}.p{number}.{encoded.prompt.prompt_id}",
            repeat=self._repeat,
            scheduled_unix_ns=due_ns,
            encoded=encoded,
        )
