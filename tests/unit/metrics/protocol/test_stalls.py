"""Stalls are found by the times of the tokens alone, and what is merely slow is no stall."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.protocol.stalls import Stall, find_stalls
from tests.support.requests import request, unix_ns

STEP_S = 0.05


def _window(start_s: float, end_s: float) -> Phase:
    return Phase(name="window", repeat=0, start_unix_ns=unix_ns(start_s), end_unix_ns=unix_ns(end_s))


def _served(
    n: int,
    *,
    tokens: int = 10,
    prefill_s: float = 0.2,
    stalls: dict[int, float] | None = None,
    late: dict[int, float] | None = None,
    **fields: int,
) -> tuple[list[RequestRecord], float]:
    """Return requests one after another, some with a stall within, or before their first token; and when they end."""
    now, served = 0.0, []
    for number in range(n):
        start = now
        times = []
        now += prefill_s + (late or {}).get(number, 0.0)
        for position in range(tokens):
            now += STEP_S if position else 0.0
            if position == tokens // 2:
                now += (stalls or {}).get(number, 0.0)
            times.append(now)
        served.append(request(str(number), scheduled_s=start, token_s=times, **fields))
    return served, now


def _stalls(requests: list[RequestRecord], end_s: float) -> tuple[Stall, ...]:
    return find_stalls(RequestTable.from_records(requests), [_window(0.0, end_s)])


def test_even_work_has_no_stall() -> None:
    assert _stalls(*_served(20)) == ()


@pytest.mark.parametrize("where", ["stalls", "late"])
def test_a_pause_is_found_wherever_it_lies(where: str) -> None:
    requests, end_s = _served(20, **{where: {7: 6.0}})
    (stall,) = _stalls(requests, end_s)
    assert stall.excess_s == pytest.approx(6.0, abs=0.1)


def test_a_pause_of_a_large_batch_is_found() -> None:
    times = [[0.2 + STEP_S * step + (3.0 if step > 4 else 0.0) for step in range(10)]] * 64
    requests = [request(str(number), token_s=each) for number, each in enumerate(times)]
    (stall,) = _stalls(requests, 3.65)
    assert stall.excess_s == pytest.approx(3.0, abs=0.1)


def test_a_pause_that_fills_most_of_the_run_is_found() -> None:
    (stall,) = _stalls(*_served(4, stalls={2: 148.0}))
    assert stall.excess_s == pytest.approx(148.0, abs=0.1)


def test_a_pause_before_the_end_of_the_window_is_found() -> None:
    requests, end_s = _served(5)
    (stall,) = _stalls(requests, end_s + 3.0)
    assert stall.duration_s == pytest.approx(3.0)


def test_a_slow_model_does_not_stall() -> None:
    assert _stalls(*_served(6, prefill_s=30.0)) == ()


def test_a_long_prompt_is_no_stall() -> None:
    requests, end_s = _served(20, prompt_tokens=10)
    times = [end_s + 40.0 + STEP_S * step for step in range(10)]
    requests.append(request("long", scheduled_s=end_s, token_s=times, prompt_tokens=8000))
    assert _stalls(requests, times[-1]) == ()


def test_first_tokens_that_a_client_sees_one_by_one_come_from_one_step() -> None:
    requests = []
    for batch in range(3):
        start = batch * 4.0
        for number in range(64):
            times = [start + 3.0 + number * 1e-5 + step * 0.1 for step in range(10)]
            requests.append(request(f"{batch}-{number}", scheduled_s=start, token_s=times))
    assert _stalls(requests, 12.0) == ()


def test_requests_without_times_of_tokens_are_judged_by_their_ends() -> None:
    bare = {"chunk_unix_ns": (), "chunk_tokens": (), "first_token_unix_ns": None, "last_token_unix_ns": None}
    ends = [1.0 * number + (20.0 if number > 12 else 0.0) for number in range(1, 20)]
    starts = [0.0, *ends[:-1]]
    requests = [
        request(str(end), scheduled_s=start, token_s=(end,), **bare)
        for start, end in zip(starts, ends, strict=True)
    ]
    (stall,) = _stalls(requests, ends[-1])
    assert stall.excess_s == pytest.approx(20.0, abs=0.1)


def test_no_request_is_no_stall() -> None:
    assert _stalls([], 5.0) == ()
