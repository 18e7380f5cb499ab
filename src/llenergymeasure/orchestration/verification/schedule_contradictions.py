"""Whether the requests of a run are those of its schedule: each was due when it was planned, and none was left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.load.schedule_table import ScheduleTable
from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.results import layout

if TYPE_CHECKING:
    from numpy.typing import NDArray


def schedule_contradictions(
    schedule: ScheduleTable, stated: int | None, requests: RequestTable | None, *, is_whole: bool
) -> Iterator[Finding]:
    """Yield what is wrong with a schedule, and between it and the requests where these are known.

    `stated` is the number of rows that the facts of the run say. Of a run that is not whole, requests that were due may
    be missing.
    """
    if len(schedule) != stated:
        said = "there is none" if stated is None else f"{stated:,}"
        yield Finding(
            file=layout.SCHEDULE, message=f"has {len(schedule):,} rows, and {layout.FACTS} says {said}"
        )
    names = schedule.request_id.tolist()
    place = {name: row for row, name in enumerate(names)}
    if len(place) < len(names):
        yield Finding(file=layout.SCHEDULE, field="request_id", message="stands for more than one request")
    elif requests is not None:
        yield from _unlike_requests(schedule, place, requests, is_whole=is_whole)


def _unlike_requests(
    schedule: ScheduleTable, place: dict[str, int], requests: RequestTable, *, is_whole: bool
) -> Iterator[Finding]:
    import numpy as np

    rows = np.array([place.get(name, -1) for name in requests.request_id], dtype=np.intp)
    yield from _first(requests.request_id[rows < 0], "was sent and is not in the schedule")
    known = np.flatnonzero(rows >= 0)
    row = rows[known]
    differs = requests.prompt_tokens[known] != schedule.prompt_tokens[row]
    yield from _first(requests.request_id[known[differs]], "has another number of prompt tokens than planned")
    is_timed = schedule.offset_ns[row] != UNKNOWN
    known, row = known[is_timed], row[is_timed]
    differs = requests.repeat[known] != schedule.repeat[row]
    yield from _first(requests.request_id[known[differs]], "is of another window than planned")
    start_ns = requests.scheduled_unix_ns[known] - schedule.offset_ns[row]
    for stream in np.unique(schedule.stream[row]):
        is_of = schedule.stream[row] == stream
        moved = start_ns[is_of] != start_ns[is_of][0]
        yield from _first(requests.request_id[known[is_of][moved]], "was due at another time than planned")
        if is_whole:
            yield from _left_out(schedule, int(stream), row[is_of])


def _left_out(schedule: ScheduleTable, stream: int, sent: NDArray[Any]) -> Iterator[Finding]:
    """Yield the requests of a stream that were due before one that was sent, and are nowhere.

    Those that the client was too late for are recorded as not sent: one that is not makes latencies look better.
    """
    import numpy as np

    last_ns = schedule.offset_ns[sent].max()
    due = (schedule.stream == stream) & (schedule.offset_ns != UNKNOWN) & (schedule.offset_ns <= last_ns)
    missing = np.setdiff1d(np.flatnonzero(due), sent)
    yield from _first(schedule.request_id[missing], "was due and is not among the requests")


def _first(names: NDArray[Any], message: str) -> Iterator[Finding]:
    """Yield one finding for all that break a rule, with the first of them and how many there are."""
    if len(names):
        more = f", and {len(names) - 1} more like it" if len(names) > 1 else ""
        yield Finding(file=layout.REQUESTS, field=str(names[0]), message=message + more)
