"""Quiet intervals are what lies between phases and requests, and the idle phases."""

from __future__ import annotations

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase, PhaseName
from llenergymeasure.metrics.energy.quiet import REST_NS, quiet_intervals
from tests.support.requests import START_NS, request, unix_ns


def phase(name: PhaseName, start_s: float, end_s: float) -> Phase:
    return Phase(name=name, start_unix_ns=unix_ns(start_s), end_unix_ns=unix_ns(end_s))


RUN = [
    phase("baseline_idle", 0, 5),
    phase("load", 6, 8),
    phase("baseline_loaded", 8, 10),
    phase("warmup", 10, 12),
    phase("window", 12.3, 13),
    phase("window", 13.4, 14),
]


def quiet_s(phases: list[Phase], *requests: tuple[float, float]) -> list[tuple[float, float]]:
    table = RequestTable.from_records(
        [request(str(at), scheduled_s=start, token_s=[end]) for at, (start, end) in enumerate(requests)]
    )
    found = (quiet_intervals(phases, table) - START_NS) / 1e9
    return [(round(start, 6), round(end, 6)) for start, end in found.tolist()]


def test_idle_phases_and_what_lies_between_phases_are_quiet() -> None:
    rest_s = REST_NS / 1e9
    assert quiet_s(RUN) == [(0, 6), (8, 10), (12, 12.3), (13, 13.4), (14, 14 + rest_s)]


def test_a_request_under_way_is_not_quiet() -> None:
    assert quiet_s(RUN[3:], (12.1, 12.2), (12.9, 13.5)) == [(12, 12.1), (12.2, 12.3), (14, 14.3)]


def test_nothing_is_known_of_a_run_without_phases() -> None:
    assert quiet_s([]) == []
