"""The steady part of a window: ramps are left out, steady traffic is not cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.serving.steady_part import SHORTEST, steady_part, steady_windows
from tests.support.requests import request, unix_ns
from tests.support.simulated_queue import Engine, open_traffic

ENGINE = Engine()


def _window(start_s: float, end_s: float) -> Phase:
    return Phase(name="window", start_unix_ns=unix_ns(start_s), end_unix_ns=unix_ns(end_s), repeat=0)


def _served(rate_per_s: float, until_s: float, begin_s: float = 0.0, lasts_s: float = 1.0) -> list[float]:
    """Return when requests of an even rate are due."""
    return [begin_s + number / rate_per_s for number in range(int((until_s - begin_s) * rate_per_s))]


def _table(due_s: list[float], lasts_s: float = 1.0) -> RequestTable:
    records = [
        request(f"r{number}", scheduled_s=at, token_s=(at + lasts_s / 2, at + lasts_s))
        for number, at in enumerate(due_s)
    ]
    return RequestTable.from_records(records)


def test_an_even_flow_counts_from_end_to_end() -> None:
    part = steady_part(_window(5.0, 25.0), _table(_served(8.0, 30.0)))
    assert (part.rule, part.duration_s) == ("whole", 20.0)


def test_a_ramp_at_the_start_is_left_out() -> None:
    ramp = [at for at in _served(8.0, 30.0) if at > 5.0 or int(at * 8) % 5 == 0]
    part = steady_part(_window(0.0, 30.0), _table(ramp))
    assert part.rule == "no_trend"
    assert part.start_unix_ns >= unix_ns(4.0)
    assert part.end_unix_ns == unix_ns(30.0)


def test_a_load_that_only_grows_has_no_steady_part() -> None:
    growing = [30 * (number / 400) ** 0.5 for number in range(400)]
    part = steady_part(_window(0.0, 30.0), _table(growing))
    assert (part.rule, part.duration_s) == ("none", 30.0)


def test_of_few_requests_no_trend_is_told() -> None:
    part = steady_part(_window(0.0, 10.0), _table([1.0, 2.0, 4.0, 7.0, 8.0, 8.5]))
    assert part.rule == "whole"


def test_where_the_batch_is_full_the_part_is_that_between_ramp_up_and_ramp_down() -> None:
    """Twelve requests at once, four together: the fourth first token to the seventh completion leaves four or more."""
    records = [
        request(f"r{number}", scheduled_s=0.0, token_s=(number // 4 + 0.5, number // 4 + 1.0))
        for number in range(12)
    ]
    part = steady_part(_window(0.0, 4.0), RequestTable.from_records(records), batch_size=4)
    assert (part.rule, part.start_unix_ns, part.end_unix_ns) == ("saturated", unix_ns(0.5), unix_ns(2.0))


def test_a_batch_that_is_never_full_is_judged_by_its_trend() -> None:
    part = steady_part(_window(5.0, 25.0), _table(_served(8.0, 30.0)), batch_size=100)
    assert part.rule == "whole"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_few_windows_of_steady_poisson_traffic_are_cut(share: float) -> None:
    parts = []
    for seed in range(6):
        traffic = open_traffic([share * ENGINE.capacity_per_s], seed, window_s=15.0)
        parts += steady_windows(traffic.phases, traffic.requests).parts
    whole = [each for each in parts if each.rule == "whole"]
    assert len(whole) >= 0.8 * len(parts)


def test_only_complete_windows_are_narrowed() -> None:
    window = _window(0.0, 30.0)
    growing = _table([at for at in _served(8.0, 30.0) if at > 5.0 or int(at * 8) % 5 == 0])
    others = (replace(window, complete=False), replace(window, name="warmup", repeat=None))
    found = steady_windows((*others, window), growing)
    assert found.phases[:2] == others
    assert len(found.parts) == 1
    assert found.phases[2].duration_s < 30.0
    assert found.parts[0].duration_s >= 30.0 * SHORTEST / 40
