"""Latency is counted from the schedule, and only over requests that have the times."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.performance.latency import mean_tpot_s, mean_ttft_s

S = 1_000_000_000


def _request(scheduled_s: float, token_s: tuple[float, ...]) -> RequestRecord:
    times = tuple(round(each * S) for each in token_s)
    return RequestRecord(
        request_id="r",
        repeat=0,
        prompt_tokens=3,
        output_tokens=max(len(times), 1),
        scheduled_unix_ns=round(scheduled_s * S),
        sent_unix_ns=round((scheduled_s + 0.5) * S),
        first_token_unix_ns=times[0] if times else None,
        last_token_unix_ns=times[-1] if times else None,
        closed_unix_ns=times[-1] if times else round((scheduled_s + 9) * S),
        chunk_unix_ns=times,
        chunk_tokens=(1,) * len(times),
    )


def _table(*requests: RequestRecord) -> RequestTable:
    return RequestTable.from_records(requests)


def test_ttft_counts_the_time_in_the_queue() -> None:
    assert mean_ttft_s(_table(_request(10, (12.0, 12.1)), _request(20, (21.0, 21.1)))) == 1.5


def test_tpot_is_time_after_the_first_token_per_further_token() -> None:
    assert mean_tpot_s(_table(_request(0, (5.0, 5.2, 5.4, 5.6)))) == pytest.approx(0.2)


def test_single_token_answers_have_no_tpot() -> None:
    assert mean_tpot_s(_table(_request(0, (1.0,)))) is None


def test_unknown_token_times_give_no_latency() -> None:
    assert mean_ttft_s(_table(_request(0, ()))) is None
    assert mean_tpot_s(_table(_request(0, ()))) is None
