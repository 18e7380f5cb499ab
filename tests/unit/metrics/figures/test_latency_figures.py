"""The distributions of a result: which requests they are of, what failed ones do, what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import WindowTotals, window_totals
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.latency import latency_distributions, latency_with_failures
from llenergymeasure.metrics.figures.table import compute_figures
from tests.support.requests import request, unix_ns

WINDOWS = 3
LENGTH_S = 100.0


def _rows(requests: Sequence[RequestRecord]) -> list[WindowTotals]:
    phases = [
        Phase(
            name="window",
            repeat=number,
            start_unix_ns=unix_ns(number * LENGTH_S),
            end_unix_ns=unix_ns((number + 1) * LENGTH_S),
        )
        for number in range(WINDOWS)
    ]
    return window_totals(EnergyAccount(Unmetered().trace()), phases, RequestTable.from_records(requests))


def _answered(number: int, window: int, **fields: Any) -> RequestRecord:
    """Return a request of one second to its first token, and 0.1 s for each of two more; a little more each."""
    start_s = window * LENGTH_S + 1 + number / 10
    first_s = start_s + 1 + number / 1000
    return request(
        f"{window}-{number}",
        scheduled_s=start_s,
        token_s=(first_s, first_s + 0.1, first_s + 0.2),
        sent_unix_ns=unix_ns(start_s + 0.25),
        **fields,
    )


def _failed(number: int, window: int) -> RequestRecord:
    start_s = window * LENGTH_S + 50 + number / 10
    return request(
        f"{window}-failed-{number}", scheduled_s=start_s, closed_unix_ns=unix_ns(start_s + 1), status="error"
    )


def _all(count: int, **fields: Any) -> list[RequestRecord]:
    return [_answered(number, window, **fields) for window in range(WINDOWS) for number in range(count)]


def _value(distribution: Distribution, statistic: str) -> float:
    return distribution.statistics[statistic].value


def test_every_metric_has_its_distribution() -> None:
    found = latency_distributions(_rows(_all(40)))
    assert list(found) == [
        "ttft_s",
        "ttft_sent_s",
        "ttfo_s",
        "tpot_s",
        "chunk_gap_s",
        "tokens_per_chunk",
        "e2e_s",
        "decode_tokens_per_s_per_request",
        "e2e_tokens_per_s_per_request",
    ]
    assert {name: each.n for name, each in found.items()} == {
        **dict.fromkeys(found, 120),
        "ttfo_s": 0,
        "chunk_gap_s": 240,
        "tokens_per_chunk": 360,
    }
    assert _value(found["ttft_s"], "p50") == pytest.approx(1.0195)
    assert _value(found["ttft_s"], "mean") - _value(found["ttft_sent_s"], "mean") == pytest.approx(0.25)
    assert _value(found["tpot_s"], "max") == pytest.approx(0.1)
    assert _value(found["e2e_s"], "p50") == pytest.approx(1.2195)
    assert _value(found["decode_tokens_per_s_per_request"], "p50") == pytest.approx(10.0)


def test_the_headline_figures_are_the_means_of_the_distributions() -> None:
    inputs = FigureInputs(rows=_rows(_all(40)))
    figures = compute_figures(inputs)
    for name in ("ttft_s", "tpot_s"):
        assert figures.estimates[name] == figures.latency[name].statistics["mean"]
    nothing = compute_figures(FigureInputs(rows=_rows([])))
    assert nothing.unknown["ttft_s"] == "no answered request was scheduled and ended in a window"


def test_requests_that_an_edge_cuts_off_are_left_out_and_counted() -> None:
    crossing = request("crossing", scheduled_s=99.0, token_s=(99.5, 101.0))
    found = latency_distributions(_rows([*_all(10), crossing]))
    assert {each.cut_off for each in found.values()} == {
        2
    }  # at the end of one window and at the start of the next
    assert found["ttft_s"].n == 30


def test_answers_without_a_value_are_counted_beside_those_with_one() -> None:
    short = request("short", scheduled_s=1.0, token_s=(2.0,))
    found = latency_distributions(_rows([*_all(10), short]))
    assert (found["ttft_s"].n, found["ttft_s"].not_defined) == (31, 0)
    assert (found["tpot_s"].n, found["tpot_s"].not_defined) == (30, 1)
    assert (found["chunk_gap_s"].n, found["chunk_gap_s"].not_defined) == (60, 1)


def test_it_is_called_inter_token_latency_only_where_every_chunk_is_one_token() -> None:
    singles = latency_distributions(_rows(_all(10)))
    assert singles["chunk_gap_s"].label == "Inter-token latency (ITL)"
    several = latency_distributions(
        _rows([*_all(10), _answered(11, 0, chunk_tokens=(1, 2, 1), output_tokens=4)])
    )
    assert several["chunk_gap_s"].label == "Gap between chunks"


def test_chunks_whose_tokens_were_spread_are_neither_counted_nor_called_single_tokens() -> None:
    spread = latency_distributions(_rows(_all(10, tokens_estimated="spread")))
    assert spread["chunk_gap_s"].label == "Gap between chunks"
    assert (spread["tokens_per_chunk"].n, spread["chunk_gap_s"].n) == (0, 60)
    reason = "the server states how many tokens an answer has, and not those of each chunk"
    assert spread["tokens_per_chunk"].unknown["mean"] == reason


def test_the_time_to_the_visible_answer_is_known_where_the_backend_tells_it_from_reasoning() -> None:
    found = latency_distributions(_rows(_all(10)))
    assert found["ttfo_s"].unknown["p50"] == "the backend does not tell the visible answer from reasoning"
    told = [replace(each, first_answer_unix_ns=each.last_token_unix_ns) for each in _all(10)]
    found = latency_distributions(_rows(told))
    assert found["ttfo_s"].statistics["mean"].value == found["e2e_s"].statistics["mean"].value


def test_failed_requests_are_infinitely_late_in_the_second_set_alone() -> None:
    requests = [*_all(95), *(_failed(number, window) for window in range(WINDOWS) for number in range(5))]
    alone, both = latency_distributions(_rows(requests)), latency_with_failures(_rows(requests))
    assert list(both) == ["ttft_s", "ttft_sent_s", "ttfo_s", "tpot_s", "e2e_s"]
    assert (alone["ttft_s"].n, alone["ttft_s"].failed) == (285, 0)
    assert (both["ttft_s"].n, both["ttft_s"].failed) == (300, 15)
    assert _value(both["ttft_s"], "p90") > _value(alone["ttft_s"], "p90")
    assert both["ttft_s"].unknown["max"] == "failed requests are infinitely late"
    assert both["ttft_s"].unknown["p95"].startswith("p95 falls among the failed requests")
    assert "p95" in alone["ttft_s"].statistics


def test_without_failures_both_sets_are_the_same() -> None:
    rows = _rows(_all(40))
    alone = latency_distributions(rows)
    assert all(each == alone[name] for name, each in latency_with_failures(rows).items())


def test_requests_of_one_batch_do_not_count_as_independent() -> None:
    batches = [
        request(
            f"{window}-{batch}-{number}",
            scheduled_s=start_s,
            token_s=(end_s, end_s + 1 + batch / 9),
            batch=batch,
        )
        for window in range(WINDOWS)
        for batch in range(10)
        for start_s, end_s in [(window * LENGTH_S + 1 + batch * 5, window * LENGTH_S + 2 + batch * 5.1)]
        for number in range(8)
    ]
    found = latency_distributions(_rows(batches))
    assert found["ttft_s"].n == 240
    assert "came in 30 batches and count as 27" in found["ttft_s"].unknown["p90"]
    assert "came in 30 steps and count as" in found["chunk_gap_s"].unknown["p90"]


def test_a_backend_without_token_times_has_the_reason_for_every_statistic() -> None:
    silent = [
        request(f"{window}", scheduled_s=window * LENGTH_S + 1, output_tokens=3) for window in range(WINDOWS)
    ]
    found = latency_distributions(_rows(silent))["chunk_gap_s"]
    assert set(found.unknown) == {"mean", "p50", "p90", "p95", "p99", "max"}
    assert found.unknown["p50"] == "the backend reports no token times"


def test_the_reason_is_the_one_that_holds_not_a_list_of_what_may_hold() -> None:
    at_once = [
        request(
            f"{window}",
            scheduled_s=window * LENGTH_S + 1,
            token_s=[window * LENGTH_S + 1.5],
            output_tokens=3,
            chunk_tokens=(3,),
        )
        for window in range(WINDOWS)
    ]
    found = latency_distributions(_rows(at_once))
    assert found["tpot_s"].unknown["p50"] == "no request has a token after its first chunk"
    assert found["chunk_gap_s"].unknown["p50"] == "no answer has a second chunk"
