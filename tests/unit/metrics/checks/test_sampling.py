"""A result says where a meter was read less often than its period: how often, and how long a reading took."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.trace import MeterPace, sample_dtype
from tests.support.sensor_judgement import END_S, judge
from tests.support.synthetic import BASE_NS, sample_times

PERIOD_S = 0.02
QUICK = MeterPace(meter="nvml", period_s=PERIOD_S, reading_s=0.001)


def warnings_at(held_s: float, *paces: MeterPace, pause_s: float = 0.0) -> list[RunWarning]:
    """Return the warnings about a steady counter that was read so often, with one pause in the second window."""
    times_s = sample_times(END_S * 1.2, period_s=held_s)
    times_s = times_s[(times_s < END_S) & ((times_s < 7.0) | (times_s > 7.0 + pause_s))]
    samples = np.zeros(len(times_s), dtype=sample_dtype())
    samples["t_unix_ns"] = BASE_NS + np.round(times_s * 1e9).astype(np.int64)
    samples["energy_j"] = 300.0 * np.floor(times_s / 0.1) * 0.1
    samples["power_w"] = 300.0 + np.random.default_rng(1).normal(0.0, 1.0, len(times_s))
    return judge(samples, paces)[0]


def codes(warnings: list[RunWarning]) -> list[str]:
    return [each.code for each in warnings]


@pytest.mark.parametrize("held_s", [0.1, 0.2, 0.42])
def test_sampling_that_is_far_slower_than_the_period_is_a_warning(held_s: float) -> None:
    pace = MeterPace(meter="nvml", period_s=PERIOD_S, reading_s=0.041, in_parallel=True)
    slow = next(each for each in warnings_at(held_s, pace) if each.code == "sampling_slow")
    assert slow.severity == "warning"
    assert slow.magnitude == pytest.approx(held_s / PERIOD_S, rel=0.1)
    assert "Meter 'nvml' read GPU 0 every" in slow.message
    assert "not every 20 ms" in slow.message
    assert "a reading of one device, all of them at the same time, took 41 ms." in slow.message
    assert "End what else reads the devices" in slow.remedy


def test_a_sampler_that_lacks_processor_time_is_told_from_slow_calls() -> None:
    (slow,) = warnings_at(0.1, QUICK)
    assert "took 1 ms, so the sampler had too little processor time." in slow.message
    assert "processor time" in slow.remedy


def test_a_meter_that_another_one_holds_up_names_it() -> None:
    other = MeterPace(meter="codecarbon", period_s=0.1, reading_s=0.09)
    (slow,) = warnings_at(0.1, QUICK, other)
    assert "took 1 ms, and one of meter 'codecarbon' between them 90 ms." in slow.message
    assert "Name fewer meters" in slow.remedy


@pytest.mark.parametrize(("held_s", "expected"), [(0.02, []), (0.028, []), (0.035, ["info"])])
def test_a_period_that_is_nearly_held_is_no_warning(held_s: float, expected: list[str]) -> None:
    assert [each.severity for each in warnings_at(held_s, QUICK)] == expected


def test_a_meter_whose_pace_is_not_known_is_not_judged() -> None:
    other = MeterPace(meter="rapl", period_s=0.05, reading_s=0.001)
    assert codes(warnings_at(0.1, other)) == []


def test_a_pause_is_told_by_the_period_and_not_by_what_became_usual() -> None:
    assert "sample_gap" in codes(warnings_at(0.1, QUICK, pause_s=0.8))
    assert "sample_gap" not in codes(warnings_at(0.1, QUICK))
