"""What raw tables must agree on, and what no figure shows: order, nesting and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from llenergymeasure.domain.request import WARMUP_REPEAT, RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.domain.verification import Finding
from llenergymeasure.results import layout

Row = TypeVar("Row")


def trace_contradictions(trace: EnergyTrace) -> Iterator[Finding]:
    """Yield what is wrong within a trace."""
    import numpy as np

    for index, channel in enumerate(trace.channels):
        samples = trace.of(index)
        back = int((np.diff(samples["t_unix_ns"]) < 0).sum())
        if back:
            yield Finding(
                file=layout.TRACE,
                field="t_unix_ns",
                message=f"the time of {channel.label} runs backwards {_times(back)}",
            )
        for name in ("energy_j", "power_w"):
            endless = int(np.isinf(samples[name]).sum())
            if endless:
                message = f"{channel.label} is infinite {_times(endless)}"
                yield Finding(file=layout.TRACE, field=name, message=message)


def phase_contradictions(phases: Sequence[Phase]) -> Iterator[Finding]:
    """Yield what is wrong with the order of phases and with the numbers of windows."""
    yield from _broken(
        layout.PHASES,
        [(_name(phase), phase) for phase in phases],
        {"ends before it starts": lambda phase: phase.end_unix_ns < phase.start_unix_ns},
    )
    for before, after in pairwise(phases):
        if after.start_unix_ns < before.start_unix_ns:
            message = f"starts before {_name(before)}, which stands above it"
            yield Finding(file=layout.PHASES, field=_name(after), message=message)
    windows = [phase for phase in phases if phase.name == "window"]
    for before, after in pairwise(windows):
        if after.start_unix_ns < before.end_unix_ns:
            yield Finding(file=layout.PHASES, field=_name(after), message=f"overlaps {_name(before)}")
    if [window.repeat for window in windows] != list(range(len(windows))):
        numbers = ", ".join(str(window.repeat) for window in windows[:20])
        message = f"windows are numbered {numbers} instead of 0, 1, 2..."
        yield Finding(file=layout.PHASES, field="repeat", message=message)


def request_contradictions(requests: RequestTable, phases: Sequence[Phase] | None) -> Iterator[Finding]:
    """Yield what is wrong within requests, and with their place in the phases where these are known."""
    named = [(request.request_id, request) for request in requests.rows()]
    yield from _broken(layout.REQUESTS, named, _REQUEST_RULES)
    if len({name for name, _ in named}) < len(named):
        yield Finding(file=layout.REQUESTS, field="request_id", message="stands for more than one request")
    if phases is not None:
        places = {_place(phase): phase for phase in phases if phase.name in ("window", "warmup")}
        outside = "lies outside its window, or outside the warm-up"
        yield from _broken(
            layout.REQUESTS,
            named,
            {outside: lambda request: not _inside(request, places.get(request.repeat))},
        )


def _times_in_order(request: RequestRecord) -> bool:
    times = (
        request.scheduled_unix_ns,
        request.sent_unix_ns,
        request.first_token_unix_ns,
        request.last_token_unix_ns,
        request.closed_unix_ns,
    )
    known = [time_ns for time_ns in times if time_ns is not None]
    return known == sorted(known)


def _token_times_fit(request: RequestRecord) -> bool:
    order = [
        request.sent_unix_ns or request.scheduled_unix_ns,
        *request.chunk_unix_ns,
        request.closed_unix_ns,
    ]
    fits = sum(request.chunk_tokens) == request.output_tokens if request.chunk_tokens else True
    return fits and order == sorted(order)


_REQUEST_RULES: dict[str, Callable[[RequestRecord], bool]] = {
    "has a negative count of tokens": lambda request: min(request.prompt_tokens, request.output_tokens) < 0,
    "was not scheduled, sent, begun and ended in this order": lambda request: not _times_in_order(request),
    "has token times that do not fit its tokens or its interval": lambda each: not _token_times_fit(each),
}


def _inside(request: RequestRecord, phase: Phase | None) -> bool:
    if phase is None:
        return False
    return phase.start_unix_ns <= request.scheduled_unix_ns and request.closed_unix_ns <= phase.end_unix_ns


def _place(phase: Phase) -> int | None:
    return phase.repeat if phase.name == "window" else WARMUP_REPEAT


def _broken(
    file: str, rows: Sequence[tuple[str, Row]], rules: dict[str, Callable[[Row], bool]]
) -> Iterator[Finding]:
    """Yield one finding per rule that is broken, with the first row that breaks it and how many do."""
    for message, breaks in rules.items():
        broken = [name for name, row in rows if breaks(row)]
        if broken:
            more = f", and {len(broken) - 1} more like it" if len(broken) > 1 else ""
            yield Finding(file=file, field=broken[0], message=message + more)


def _name(phase: Phase) -> str:
    return phase.name if phase.repeat is None else f"{phase.name} {phase.repeat}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
