"""Runs of prefill and decode come from steps, or from requests whose phases do not overlap."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.metrics.attribution.phases.times import PhaseTimes, phase_times
from tests.support.requests import request

MS = 1_000_000
WINDOW = np.array([[0, 1000 * MS]])


def _step(start_ms: int, end_ms: int, prefill: int = 0, decode: int = 0) -> StepRecord:
    return StepRecord(
        start_unix_ns=start_ms * MS,
        end_unix_ns=end_ms * MS,
        prefill_tokens=prefill,
        decode_tokens=decode,
        requests=1,
        context_tokens=1,
    )


def _times(steps: list[StepRecord]) -> PhaseTimes:
    found = phase_times(StepTable.from_records(steps), RequestTable.empty(), WINDOW)
    assert isinstance(found, PhaseTimes)
    return found


def _requests(*spans_ms: tuple[int, int, int]) -> RequestTable:
    """Return requests by when they were sent, and when their first and last tokens came."""
    return RequestTable.from_records(
        request(
            scheduled_unix_ns=sent * MS,
            sent_unix_ns=sent * MS,
            first_token_unix_ns=first * MS,
            last_token_unix_ns=last * MS,
        )
        for sent, first, last in spans_ms
    )


def test_steps_of_one_phase_in_a_row_are_one_run() -> None:
    found = _times([_step(0, 10, prefill=5), _step(10, 20, decode=1), _step(20, 30, decode=1)])
    assert found.prefill_ns.tolist() == [[0, 10 * MS]]
    assert found.decode_ns.tolist() == [[10 * MS, 30 * MS]]


def test_a_short_gap_belongs_to_the_step_after_it_and_a_long_one_to_none() -> None:
    found = _times([_step(0, 10, prefill=5), _step(15, 20, decode=1), _step(80, 90, prefill=5)])
    assert found.decode_ns.tolist() == [[10 * MS, 20 * MS]]
    assert found.prefill_ns.tolist() == [[0, 10 * MS], [80 * MS, 90 * MS]]


def test_runs_end_where_the_window_does_and_those_outside_are_left_out() -> None:
    found = _times([_step(990, 1010, prefill=5), _step(1010, 1020, decode=1)])
    assert found.prefill_ns.tolist() == [[990 * MS, 1000 * MS]]
    assert not len(found.decode_ns)


def test_a_step_of_both_phases_is_in_neither_run() -> None:
    found = _times([_step(0, 10, prefill=5), _step(10, 20, prefill=5, decode=1)])
    assert found.is_mixed
    assert found.prefill_ns.tolist() == [[0, 10 * MS]]


def test_steps_of_several_engines_at_once_give_no_runs() -> None:
    steps = StepTable.from_records([_step(0, 10, prefill=5), _step(5, 20, decode=1)])
    assert "several engines" in str(phase_times(steps, RequestTable.empty(), WINDOW))


def test_without_steps_the_times_of_a_batch_stand_for_them() -> None:
    found = phase_times(None, _requests((0, 10, 50), (0, 10, 40), (60, 70, 90)), WINDOW)
    assert isinstance(found, PhaseTimes)
    assert found.prefill_ns.tolist() == [[0, 10 * MS], [60 * MS, 70 * MS]]
    assert found.decode_ns.tolist() == [[10 * MS, 50 * MS], [70 * MS, 90 * MS]]


def test_answers_of_one_token_have_no_decode() -> None:
    found = phase_times(None, _requests((0, 10, 10), (20, 30, 30)), WINDOW)
    assert isinstance(found, PhaseTimes)
    assert found.prefill_ns.tolist() == [[0, 10 * MS], [20 * MS, 30 * MS]]
    assert not len(found.decode_ns)


def test_without_steps_prompts_read_while_others_generate_are_not_identifiable() -> None:
    found = phase_times(None, _requests((0, 10, 50), (20, 30, 60)), WINDOW)
    assert "does not report its steps" in str(found)


@pytest.mark.parametrize("steps", [None, StepTable.empty()])
def test_a_window_without_prompts_has_no_phases(steps: StepTable | None) -> None:
    assert isinstance(phase_times(steps, RequestTable.empty(), WINDOW), str)
