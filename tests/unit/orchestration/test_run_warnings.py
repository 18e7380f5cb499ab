"""Runs with a known flaw, on a virtual clock: each flaw ends in its warning, and a sound run in none."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.testing import KnownPower, StandInBackend, VirtualClock
from tests.support.driving import offline

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(4)]
STEP_S = 0.02
Cost = Callable[[float], tuple[float, float]]
"""From seconds since the start to the time of a decoding step and the power meanwhile."""


class ShapedBackend(StandInBackend):
    """Each step takes what `cost` says at that time, with `noise` of its own."""

    def __init__(self, clock: VirtualClock, cost: Cost, noise: float, tokens: int = 8) -> None:
        super().__init__()
        self._tokens = tokens
        self._cost, self._noise, self._began_ns = cost, noise, clock.now_ns()
        self._random = random.Random(5)

    def _decode(self) -> tuple[int, ...]:
        times = []
        for _ in range(self._tokens):
            step_s, _ = self._cost((self._clock.now_ns() - self._began_ns) / 1e9)
            self._clock.sleep(step_s * max(self._random.gauss(1.0, self._noise), 0.1))
            times.append(self._clock.now_ns())
        return tuple(times)


def _config(**repeats: float | None) -> ExperimentConfig:
    protocol = {
        "warmup": {"min_requests": 20, "min_duration_s": 2.0, "max_duration_s": 30.0},
        "window": {"min_duration_s": 3.0},
        "repeats": {"min": 4, "max": 12, "target_relative_ci": 0.02, **repeats},
    }
    return ExperimentConfig.model_validate({"model": "any", "backend": "standin", "measurement": protocol})


def _run(cost: Cost, noise: float = 0.02, config: ExperimentConfig | None = None, tokens: int = 8) -> RawRun:
    config = config or _config()
    clock = VirtualClock()
    log = Recorder(clock=clock)
    began_ns = clock.now_ns()
    power = KnownPower(clock, lambda time_ns: cost((time_ns - began_ns) / 1e9)[1])
    backend = ShapedBackend(clock, cost, noise, tokens)
    info = backend.load(config, clock)
    clock.sleep(1.0)
    driver = offline(backend, PROMPTS, clock)
    ended = warm_up(driver, config.measurement, log, power)
    reason = measure_repeats(driver, config.measurement, log, power)
    return RawRun(
        trace=power.trace(),
        phases=tuple(log.phases),
        requests=log.requests.table(),
        facts=RunFacts(experiment_id="run", model_info=info, warmup_ended=ended, stopped_because=reason),
    )


def _result(raw: RawRun, config: ExperimentConfig | None = None) -> ExperimentResult:
    return assemble(config or _config(), raw).result


def _codes(result: ExperimentResult) -> set[str]:
    return {warning.code for warning in result.warnings}


def _steady(_t_s: float) -> tuple[float, float]:
    return STEP_S, 200.0


def test_steady_run_is_valid_and_stops_at_the_interval_asked_for() -> None:
    result = _result(_run(_steady))
    assert (result.verdict, result.warnings) == ("valid", ())
    assert result.stopped_because == "target_reached"
    assert result.warmup is not None
    assert result.warmup.ended_because == "steady"


def test_noisier_run_takes_more_repeats_for_the_same_interval() -> None:
    quiet = _result(_run(_steady, noise=0.02))
    noisy = _result(_run(_steady, noise=0.2))
    assert len(noisy.repeats) > len(quiet.repeats) == 4
    assert noisy.stopped_because == "target_reached"


def test_interval_that_cannot_be_reached_ends_at_the_cap_and_says_so() -> None:
    config = _config(target_relative_ci=1e-5, max=5)
    result = _result(_run(_steady, config=config), config)
    assert len(result.repeats) == 5
    assert "target_not_reached" in _codes(result)


def test_warming_backend_is_waited_for_and_then_steady() -> None:
    def warming(t_s: float) -> tuple[float, float]:
        return STEP_S * (1 + 0.5 * max(1 - t_s / 12.0, 0.0)), 200.0

    result = _result(_run(warming))
    assert result.warmup is not None
    assert result.warmup.ended_because == "steady"
    assert result.warmup.duration_s > 10.0
    assert not _codes(result) & {"latency_drift", "power_drift"}


def test_slowing_backend_is_a_drift_of_latency() -> None:
    result = _result(_run(lambda t_s: (STEP_S * (1 + 0.02 * max(t_s - 6.0, 0.0)), 200.0)))
    assert "latency_drift" in _codes(result)


def test_answers_of_one_token_have_no_latency_between_tokens_that_could_drift() -> None:
    config = _config(max=4)
    raw = _run(lambda t_s: (STEP_S * (1 + 0.2 * max(t_s - 6.0, 0.0)), 200.0), config=config, tokens=1)
    result = _result(raw, config)
    (drift,) = (warning for warning in result.warnings if warning.code == "latency_drift")
    assert drift.message.startswith("The time of a request changed by +")
    assert drift.magnitude is not None
    assert drift.magnitude > 0.5
    assert drift.severity == "warning"
    assert not any("inter-token" in warning.message for warning in result.warnings)


def test_rising_power_is_a_drift_of_power() -> None:
    result = _result(_run(lambda t_s: (STEP_S, 200.0 + 4.0 * max(t_s - 6.0, 0.0))))
    assert "power_drift" in _codes(result)
    assert "latency_drift" not in _codes(result)


def test_backend_that_never_settles_is_a_warmup_at_its_cap() -> None:
    result = _result(_run(lambda t_s: (STEP_S * (1 + 0.1 * t_s), 200.0)))
    assert "warmup_not_steady" in _codes(result)


def test_one_repeat_unlike_the_others_is_named_and_still_counted() -> None:
    raw = _run(_steady)
    third = next(phase for phase in raw.phases if phase.repeat == 2)
    dearer = raw.trace.samples.copy()
    within = (dearer["t_unix_ns"] >= third.start_unix_ns) & (dearer["t_unix_ns"] < third.end_unix_ns)
    dearer["power_w"][within] *= 1.3
    steps_j = np.diff(dearer["energy_j"], prepend=0.0) * np.where(within, 1.3, 1.0)
    dearer["energy_j"] = np.cumsum(steps_j)
    result = _result(replace(raw, trace=EnergyTrace(channels=raw.trace.channels, samples=dearer)))
    (outlier,) = [warning for warning in result.warnings if warning.code == "repeat_outlier"]
    assert outlier.message.startswith("Repeat 3 of 4 cost +")
    assert len(result.repeats) == 4
    assert result.total_energy_j == pytest.approx(sum(repeat.energy_j or 0 for repeat in result.repeats))


def test_device_that_waits_for_its_host_is_found() -> None:
    def stalled(t_s: float) -> tuple[float, float]:
        waits = 12.0 < t_s < 16.0
        return (3 * STEP_S, 120.0) if waits else (STEP_S, 200.0)

    (warning,) = [each for each in _result(_run(stalled)).warnings if each.code == "host_bound"]
    assert "waited for the host" in warning.message


def test_same_stall_at_full_power_is_not_the_host() -> None:
    def stalled(t_s: float) -> tuple[float, float]:
        return (3 * STEP_S if 12.0 < t_s < 16.0 else STEP_S), 200.0

    assert "host_bound" not in _codes(_result(_run(stalled)))


def _with_state(raw: RawRun, **columns: Callable[[float], float]) -> RawRun:
    samples = raw.trace.samples.copy()
    first_ns = samples["t_unix_ns"][0]
    for name, of in columns.items():
        samples[name] = [of((time_ns - first_ns) / 1e9) for time_ns in samples["t_unix_ns"]]
    return replace(raw, trace=EnergyTrace(channels=raw.trace.channels, samples=samples))


def test_heat_clocks_and_power_cap_are_told_with_their_figures() -> None:
    raw = _with_state(
        _run(_steady),
        temperature_c=lambda t_s: 50.0 + 2.0 * t_s,
        sm_clock_mhz=lambda t_s: 1980.0 if t_s < 10 else 1500.0,
        throttle_reasons=lambda _t_s: 0x4 | 0x40,
    )
    result = _result(raw)
    assert {"temperature_rising", "clocks_varied", "throttled", "power_capped"} <= _codes(result)
    (device,) = result.conditions
    assert device.temperature_c is not None
    assert device.temperature_c.high > device.temperature_c.low >= 50.0
    assert device.throttle_fractions == {"sw_power_cap": 1.0, "hw_thermal_slowdown": 1.0}


def test_conditions_that_nobody_read_are_left_out() -> None:
    assert _result(_run(_steady)).conditions == ()
