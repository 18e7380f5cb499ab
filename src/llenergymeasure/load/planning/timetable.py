"""When each session of a load is due: planned ahead and written down before it is due."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from llenergymeasure.domain.load.schedule_table import PlannedRequest
from llenergymeasure.load.base import Plan
from llenergymeasure.load.schedule import Schedule, Turns

AHEAD_S = 5.0
"""How long before it is due a request is planned."""
AT_ONCE = 32
"""Sessions that are planned together while others are served: in a fraction of a millisecond."""


class Timetable:
    """The sessions of one stream of arrivals, which begins when it is told to."""

    def __init__(self, times_s: Iterator[float], schedule: Schedule, number: int, plan: Plan) -> None:
        self._times_s = times_s
        self._schedule = schedule
        self._number = number
        self._plan = plan
        self._planned: deque[tuple[int, Turns]] = deque()
        self._last_ns = -1
        self.repeat = schedule.repeat
        self.start_unix_ns = 0
        while self.look_ahead():
            pass

    def look_ahead(self, now_unix_ns: int = 0) -> bool:
        """Plan a few more sessions where the next `AHEAD_S` are not planned yet; return whether there were any."""
        until_ns = max(now_unix_ns - self.start_unix_ns, 0) + round(AHEAD_S * 1e9)
        rows: list[PlannedRequest] = []
        for _ in range(AT_ONCE):
            if self._last_ns > until_ns:
                break
            self._last_ns = round(next(self._times_s) * 1e9)
            turns = self._schedule.next_session()
            self._planned.append((self._last_ns, turns))
            rows += self._rows(self._last_ns, turns)
        if rows:
            self._plan(rows)
        return bool(rows)

    def next_due_unix_ns(self) -> int:
        """Return when the next session is due."""
        if not self._planned:
            self.look_ahead(self.start_unix_ns + max(self._last_ns, 0))
        return self.start_unix_ns + self._planned[0][0]

    def take(self) -> Turns:
        """Return the session that is due next, its first request with the time at which it is."""
        due_ns = self.next_due_unix_ns()
        _, (first, *later) = self._planned.popleft()
        return (replace(first, scheduled_unix_ns=due_ns), *later)

    def _rows(self, offset_ns: int, turns: Turns) -> list[PlannedRequest]:
        return [
            PlannedRequest(
                request_id=each.request_id,
                stream=self._number,
                repeat=self.repeat,
                offset_ns=offset_ns if turn == 0 else None,
                prompt=each.encoded.index,
                prompt_tokens=each.encoded.prompt_tokens,
            )
            for turn, each in enumerate(turns)
        ]
