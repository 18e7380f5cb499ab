"""Tokens belong to the last step that ended before they came; prompts are read before the first token."""

from __future__ import annotations

from typing import Any

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.metrics.attribution.by_request.participation import find_participation
from tests.support.requests import request, unix_ns

Entry = tuple[int, int, float, float, float, bool]


def _step(start_s: float, end_s: float, prefill: int = 0, decode: int = 0) -> StepRecord:
    return StepRecord(
        start_unix_ns=unix_ns(start_s),
        end_unix_ns=unix_ns(end_s),
        prefill_tokens=prefill,
        decode_tokens=decode,
        requests=1,
        context_tokens=0,
    )


def _entries(steps: list[StepRecord], *requests: RequestRecord) -> list[Entry]:
    """Return step, request, prefill, decode and context tokens, and whether it is prefill."""
    found = find_participation(StepTable.from_records(steps), RequestTable.from_records(requests))
    columns: tuple[Any, ...] = (
        found.step,
        found.request,
        found.prefill_tokens,
        found.decode_tokens,
        found.context_tokens,
        found.is_prefill,
    )
    return [tuple(row) for row in zip(*(each.tolist() for each in columns), strict=True)]


def test_a_request_reads_its_prompt_in_the_step_of_its_first_token_and_decodes_in_the_others() -> None:
    steps = [_step(0, 1, prefill=10), _step(1, 2, decode=1), _step(2, 3, decode=1)]
    assert _entries(steps, request(token_s=(1, 2, 3))) == [
        (0, 0, 10, 0, 10, True),
        (1, 0, 0, 1, 11, False),
        (2, 0, 0, 1, 12, False),
    ]


def test_a_token_seen_late_belongs_to_the_last_step_that_had_ended() -> None:
    steps = [_step(0, 1, prefill=10), _step(1, 2, decode=1)]
    assert [entry[0] for entry in _entries(steps, request(token_s=(1.4, 2.9)))] == [0, 1]


def test_a_token_before_every_step_belongs_to_none() -> None:
    assert _entries([_step(1, 2, prefill=10)], request(token_s=(0.5,))) == []


def test_early_ends_leave_the_later_steps_to_the_others() -> None:
    steps = [_step(0, 1, prefill=20), _step(1, 2, decode=1)]
    entries = _entries(steps, request("a", token_s=(1,)), request("b", token_s=(1, 2)))
    assert [(step, who) for step, who, *_ in entries] == [(0, 0), (0, 1), (1, 1)]


def test_cached_prompt_tokens_are_not_read_again() -> None:
    one = request(token_s=(1,), cached_prompt_tokens=6)
    assert _entries([_step(0, 1, prefill=4)], one) == [(0, 0, 4, 0, 10, True)]


def test_speculation_gives_several_tokens_to_one_step_and_one_of_the_first_is_prefill() -> None:
    steps = [_step(0, 1, prefill=10, decode=2), _step(1, 2, decode=4)]
    times = (unix_ns(1), unix_ns(2))
    one = request(
        token_s=(1, 2), chunk_unix_ns=times, chunk_tokens=(3, 4), output_tokens=7, closed_unix_ns=times[-1]
    )
    assert _entries(steps, one) == [(0, 0, 10, 2, 12, True), (1, 0, 0, 4, 16, False)]


def test_chunked_prefill_goes_to_the_waiting_requests_in_the_order_of_their_sending() -> None:
    steps = [_step(0, 1, prefill=6), _step(1, 2, prefill=8), _step(2, 3, prefill=6, decode=1)]
    first = request("a", scheduled_s=-2, token_s=(2, 3))
    second = request("b", scheduled_s=-1, token_s=(3,))
    assert _entries(steps, second, first) == [
        (0, 1, 6, 0, 6, True),
        (1, 0, 4, 0, 4, True),
        (1, 1, 4, 0, 10, True),
        (2, 0, 6, 0, 10, True),
        (2, 1, 0, 1, 11, False),
    ]


def test_a_request_that_failed_before_its_first_token_has_the_prompt_tokens_that_were_read() -> None:
    failed = request("a", status="error", closed_unix_ns=unix_ns(1.5))
    later = request("b", scheduled_s=1.6, token_s=(3,))
    steps = [_step(0, 1, prefill=7), _step(2, 3, prefill=10)]
    assert _entries(steps, failed, later) == [(0, 0, 7, 0, 7, True), (1, 1, 10, 0, 10, True)]


def test_a_step_with_nobody_has_no_entry() -> None:
    assert _entries([_step(0, 1, prefill=7), _step(5, 6, decode=3)]) == []


def test_tokens_without_times_are_spread_over_the_steps_of_their_request() -> None:
    steps = [_step(0, 1, prefill=10), _step(1, 2, decode=1)]
    untimed = request(output_tokens=2, closed_unix_ns=unix_ns(2), chunk_unix_ns=(), chunk_tokens=())
    assert [(step, decode) for step, _, _, decode, *_ in _entries(steps, untimed)] == [(0, 0), (1, 1)]
