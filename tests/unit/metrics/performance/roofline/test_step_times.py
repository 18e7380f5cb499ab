"""When an engine did prefill, and when it decoded."""

from __future__ import annotations

from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.performance.roofline.step_times import step_times

MS = 1_000_000
WINDOW = Phase(name="window", start_unix_ns=100 * MS, end_unix_ns=400 * MS, repeat=0)


def step(start_ms: int, end_ms: int, prefill: int = 0, decode: int = 0) -> StepRecord:
    return StepRecord(
        start_unix_ns=start_ms * MS,
        end_unix_ns=end_ms * MS,
        prefill_tokens=prefill,
        decode_tokens=decode,
        requests=1,
        context_tokens=1,
    )


def test_steps_that_follow_each_other_are_one_stretch_and_the_window_cuts_them() -> None:
    steps = StepTable.from_records(
        [
            step(90, 120, prefill=8),
            step(120, 140, decode=1),
            step(140, 160, decode=1),
            step(300, 500, decode=1),
        ]
    )
    times = step_times(steps, WINDOW)
    assert (times.prefill.duration_s, times.decode.duration_s, times.mixed) == (0.020, 0.140, 0)
    assert times.decode.start_unix_ns.tolist() == [120 * MS, 300 * MS]
    assert times.decode.end_unix_ns.tolist() == [160 * MS, 400 * MS]


def test_mixed_steps_are_counted_and_belong_to_no_phase() -> None:
    times = step_times(StepTable.from_records([step(100, 150, 8, 1), step(150, 200, decode=2)]), WINDOW)
    assert (times.steps, times.mixed) == (2, 1)
    assert (times.prefill.duration_s, times.decode.duration_s) == (0.0, 0.050)


def test_a_short_prefill_between_steps_is_no_part_of_decoding() -> None:
    steps = [step(100 + 2 * number, 102 + 2 * number, decode=1) for number in range(5)]
    steps += [step(110, 111, prefill=4), step(111, 113, decode=1)]
    times = step_times(StepTable.from_records(steps), WINDOW)
    assert (times.prefill.duration_s, times.decode.duration_s) == (0.001, 0.012)
    assert times.decode.start_unix_ns.tolist() == [100 * MS, 111 * MS]


def test_time_that_two_engines_share_counts_once() -> None:
    both = StepTable.from_records(
        [step(100, 140, decode=1), step(110, 130, decode=1), step(120, 150, decode=1)]
    )
    times = step_times(both, WINDOW)
    assert times.decode.duration_s == 0.050
    assert len(times.decode.start_unix_ns) == 1
