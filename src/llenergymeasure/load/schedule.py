"""The requests of a workload in the order in which a driver sends them."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import FILL_REPEAT, WARMUP_REPEAT

_LABELS = {WARMUP_REPEAT: "warmup", FILL_REPEAT: "fill"}

Turns = tuple[ScheduledRequest, ...]
"""The requests of one session, each of which is sent when the one before it has ended; of most workloads, one."""


def label_of(repeat: int) -> str:
    """Return the begin of the ids of a repeat's requests."""
    return _LABELS.get(repeat, f"r{repeat}")


class Schedule:
    """The workload over and over, each request with an id of its own: `r2.p0.PROMPT`, `warmup.p3.PROMPT`."""

    def __init__(
        self, workload: Sequence[EncodedRequest], repeat: int, clock: Clock, label: str | None = None
    ) -> None:
        self._workload = workload
        self._sessions = sessions_of(workload)
        self.repeat = repeat
        self._clock = clock
        self._label = label_of(repeat) if label is None else label
        self._taken = 0

    def next_session(self) -> Turns:
        """Return the requests of the next session, all of them due now."""
        number, place = divmod(self._taken, len(self._sessions))
        self._taken += 1
        now_ns = self._clock.now_ns()
        return tuple(self._scheduled(each, number, now_ns) for each in self._sessions[place])

    def rest_of_pass(self, most: int | None = None) -> list[ScheduledRequest]:
        """Return what is left of this pass over the workload, at most `most` requests, all due now."""
        number, place = divmod(self._taken, len(self._workload))
        left = len(self._workload) - place
        count = left if most is None else min(left, most)
        self._taken += count
        now_ns = self._clock.now_ns()
        return [self._scheduled(each, number, now_ns) for each in self._workload[place : place + count]]

    def _scheduled(self, encoded: EncodedRequest, number: int, due_ns: int) -> ScheduledRequest:
        return ScheduledRequest(
            request_id=f"{self._label}.p{number}.{encoded.prompt.prompt_id}",
            repeat=self.repeat,
            scheduled_unix_ns=due_ns,
            encoded=encoded,
        )


class Ramps:
    """Names for what is served outside of windows, each of which is another."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def next(self, repeat: int) -> tuple[int, str]:
        """Return the repeat and the label of requests that come before a window, or in a warm-up."""
        outside = repeat if repeat in _LABELS else WARMUP_REPEAT
        label = _LABELS[outside] if _LABELS[outside] not in self._taken else f"ramp{len(self._taken)}"
        self._taken.add(label)
        return outside, label


def sessions_of(workload: Sequence[EncodedRequest]) -> list[tuple[EncodedRequest, ...]]:
    """Return the turns of each session, in the order of the sessions' first turns; a prompt without one is alone."""
    sessions: dict[object, list[EncodedRequest]] = {}
    for each in workload:
        sessions.setdefault(each.prompt.session or each.index, []).append(each)
    return [tuple(turns) for turns in sessions.values()]
