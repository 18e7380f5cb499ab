"""Latency is counted from the schedule, and only over requests that have the times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.performance.latency import (
    chunks_with_tokens,
    decode_tokens_per_s,
    e2e_s,
    e2e_tokens_per_s,
    token_gaps,
    tpot_s,
    ttft_s,
    ttft_sent_s,
)
from tests.support.requests import request, unix_ns

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


def test_ttft_counts_the_time_in_the_queue_and_ttft_sent_does_not() -> None:
    table = _table(_request(10, (12.0, 12.1)), _request(20, (21.0, 21.1)))
    assert ttft_s(table).tolist() == [2.0, 1.0]
    assert ttft_sent_s(table).tolist() == [1.5, 0.5]


def test_tpot_is_time_after_the_first_token_per_further_token() -> None:
    assert tpot_s(_table(_request(0, (5.0, 5.2, 5.4, 5.6)))) == pytest.approx(0.2)


def test_single_token_answers_have_no_tpot_and_no_decode_speed() -> None:
    table = _table(_request(0, (1.0,)))
    assert np.isnan([*tpot_s(table), *decode_tokens_per_s(table)]).all()
    assert e2e_s(table).tolist() == [1.0]
    assert e2e_tokens_per_s(table).tolist() == [1.0]


@pytest.mark.parametrize(
    "metric", [ttft_s, ttft_sent_s, tpot_s, e2e_s, decode_tokens_per_s, e2e_tokens_per_s]
)
def test_unknown_token_times_give_no_latency(metric: Callable[[RequestTable], NDArray[np.float64]]) -> None:
    assert np.isnan(metric(_table(_request(0, ())))).all()


def test_a_request_of_which_it_is_not_known_when_it_was_sent_has_no_ttft_from_sending() -> None:
    table = _table(request(token_s=(1.0, 2.0), sent_unix_ns=None))
    assert np.isnan(ttft_sent_s(table)).all()
    assert ttft_s(table).tolist() == [1.0]


def test_a_request_ends_with_its_last_token_and_not_when_it_is_closed() -> None:
    table = _table(request(token_s=(1.0, 2.0), closed_unix_ns=unix_ns(5)))
    assert e2e_s(table).tolist() == [2.0]
    assert e2e_tokens_per_s(table).tolist() == [1.0]


def test_speed_of_decoding_is_that_after_the_first_chunk_by_the_tokens_of_usage() -> None:
    spoken = request(token_s=(1.0, 2.0, 3.0), chunk_tokens=(3, 2, 2), output_tokens=8)
    assert tpot_s(_table(spoken)).tolist() == [2.0 / 5]
    assert decode_tokens_per_s(_table(spoken)).tolist() == [5 / 2.0]
    assert e2e_tokens_per_s(_table(spoken)).tolist() == [8 / 3.0]


def test_messages_without_a_token_neither_begin_nor_divide_a_gap() -> None:
    spoken = request(
        token_s=(0.5, 1.0, 1.5, 2.0, 2.5),
        chunk_tokens=(0, 1, 0, 2, 0),
        output_tokens=3,
        first_token_unix_ns=unix_ns(1.0),
        last_token_unix_ns=unix_ns(2.0),
    )
    chunks = chunks_with_tokens(_table(spoken, request(token_s=(4.0, 4.25))))
    assert chunks.tokens.tolist() == [1, 2, 1, 1]
    assert chunks.request.tolist() == [0, 0, 1, 1]
    assert chunks.gap_s.tolist() == pytest.approx([float("nan"), 1.0, float("nan"), 0.25], nan_ok=True)
    assert token_gaps(_table(spoken)).duration_s.tolist() == [1.0]


def test_tokens_of_the_first_chunk_take_no_time_of_their_own() -> None:
    spoken = request(token_s=(0.5, 1.0, 2.0, 3.0), chunk_tokens=(0, 3, 2, 2), output_tokens=7)
    first = {**vars(spoken), "first_token_unix_ns": unix_ns(1.0)}
    assert tpot_s(_table(RequestRecord(**first))).tolist() == [0.5]


def test_an_answer_in_one_chunk_has_no_tpot_and_the_others_have() -> None:
    at_once = request(token_s=(1.0,), chunk_tokens=(5,), output_tokens=5)
    table = _table(at_once, request(token_s=(1.0, 1.5)), request(token_s=()))
    assert np.isnan(tpot_s(table)).tolist() == [True, False, True]


def test_latency_takes_the_requests_that_began_and_ended_inside() -> None:
    inside = request("in", scheduled_s=11, token_s=(12.0, 12.1))
    before = request("before", scheduled_s=5, token_s=(11.0, 13.0))
    after = request("after", scheduled_s=19, token_s=(19.5, 21.0))
    failed = request("failed", scheduled_s=12, token_s=(17.0,), status="error")
    window = Phase(name="window", repeat=0, start_unix_ns=unix_ns(10), end_unix_ns=unix_ns(20))
    (row,) = window_totals(
        EnergyAccount(Unmetered().trace()), [window], _table(inside, before, after, failed)
    )
    assert (len(row.served), len(row.failed), row.cut_off) == (2, 1, 2)
    assert row.whole.request_id.tolist() == ["in"]
    assert ttft_s(row.whole).tolist() == [1.0]
    assert row.whole_failed.request_id.tolist() == ["failed"]
