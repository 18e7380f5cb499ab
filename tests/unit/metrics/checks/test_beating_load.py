"""A load in step with a sensor that sees a part of the time is warned of; ordinary loads and swings of work are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.metrics.signals.beating_load import slow_swing
from tests.simulators.signals import Square, Steps
from tests.support.beating_loads import WARMUP_S, beating_run, warnings_of
from tests.support.simulated_power import MARGIN_S, POWER_ONLY, Run, random_run, read
from tests.support.synthetic import ns

WINDOWS = [(3.0, 8.0), (8.5, 13.5)]


def run_of(power, sensor: str = "a100") -> Run:
    trace = read(POWER_ONLY[sensor], power, WINDOWS[-1][1] + MARGIN_S, np.random.default_rng(5))
    return Run(trace=trace, windows=WINDOWS, power=power)


def slow_steps() -> Steps:
    """Return power that follows slowly changing work: 40 small steps up and down in 5 s."""
    at_s = np.arange(0.0, 16.0, 0.125)
    return Steps(250.0, [(float(at), 250.0 + 100.0 * float(np.sin(2 * np.pi * at / 5.0))) for at in at_s])


@pytest.mark.parametrize("period_s", [0.0505, 0.101, 0.098, 0.2025, 0.297])
def test_a_load_nearly_in_step_with_the_sensor_is_warned_of(period_s):
    (warning,) = warnings_of(run_of(Square(low=80.0, high=420.0, period_s=period_s, duty=0.4)))
    assert (warning.code, warning.severity) == ("load_beats_with_sensor", "warning")
    assert "GPU 0, which see only a part of the time, swing slowly by ±" in warning.message
    assert warning.magnitude is not None
    assert warning.magnitude > 0.05


def test_most_runs_whose_energy_is_off_are_warned_of():
    wrong = []
    for seed in range(40):
        run = beating_run("a100", seed, 3.0, 3)
        if abs(run.budget().value - run.true_j) > 0.05 * run.true_j:
            wrong.append(bool(warnings_of(run, WARMUP_S)))
    assert len(wrong) > 5
    assert np.mean(wrong) > 0.6


@pytest.mark.parametrize("sensor", list(POWER_ONLY))
def test_ordinary_power_is_not_warned_of(sensor):
    warned = [bool(warnings_of(random_run(POWER_ONLY[sensor], seed, 3.0))) for seed in range(24)]
    assert sum(warned) <= 1  # a wave among them may be in step with the sensor


def test_a_counter_does_not_beat():
    samples = run_of(Square(low=80.0, high=420.0, period_s=0.101)).trace.samples.copy()
    samples["energy_j"] = 300.0 * (samples["t_unix_ns"] - ns(0)) / 1e9
    run = run_of(Square(low=80.0, high=420.0, period_s=0.101))
    channel = run.trace.channels[0].model_copy(update={"method": "counter"})
    assert warnings_of(replace(run, trace=EnergyTrace(channels=(channel,), samples=samples))) == []


@pytest.mark.parametrize("name", ["utilisation_pct", "sm_clock_mhz"])
def test_a_swing_that_the_card_s_own_state_explains_is_the_load_s(name):
    run = run_of(slow_steps())
    assert len(warnings_of(run)) == 1
    samples = run.trace.samples.copy()
    at_s = (samples["t_unix_ns"] - ns(0)) / 1e9
    follows = 50.0 + 40.0 * np.sin(2 * np.pi * at_s / 5.0)
    samples[name] = np.where(np.arange(len(samples)) % 10 == 3, follows, np.nan)
    assert warnings_of(replace(run, trace=EnergyTrace(channels=run.trace.channels, samples=samples))) == []


def test_a_swing_that_the_requests_explain_is_the_load_s():
    run = run_of(slow_steps())
    requests = RequestTable.from_records(
        RequestRecord(
            request_id=f"r{number}",
            repeat=0,
            status="ok",
            prompt_tokens=1,
            output_tokens=1,
            scheduled_unix_ns=ns(5.0 * cycle + 0.02 * number),
            sent_unix_ns=ns(5.0 * cycle + 0.06 * number),
            first_token_unix_ns=ns(5.0 * cycle + 0.06 * number),
            last_token_unix_ns=ns(5.0 * cycle + 2.5 + 0.06 * number),
            closed_unix_ns=ns(5.0 * cycle + 2.5 + 0.06 * number),
        )
        for cycle in range(3)
        for number in range(40)
    )
    assert warnings_of(run, requests=requests) == []


def test_readings_that_jump_or_stay_do_not_swing_slowly():
    rng = np.random.default_rng(1)
    assert slow_swing([rng.normal(300.0, 30.0, 100)]) is None
    assert slow_swing([np.repeat([100.0, 400.0, 100.0, 400.0], 25)]) is None
    assert slow_swing([np.full(100, 300.0)]) is None
    assert slow_swing([]) is None
    assert slow_swing([300.0 + 60.0 * np.sin(np.arange(200) / 10)]) == pytest.approx(0.2, abs=0.01)
