"""Every figure of a result is a pure function of the raw tables, and agrees with a known truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.harness.idle import measure_idle
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import IntervalEnergies
from llenergymeasure.metrics.figures.table import FIGURES
from llenergymeasure.metrics.performance.work.window_work import NO_SHAPE
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.testing import KnownPower, StandInBackend, VirtualClock
from tests.support.driving import offline
from tests.support.simulated_power import COUNTERS
from tests.support.simulated_serving import Mix, serve

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(4)]
CONFIG = ExperimentConfig.model_validate(
    {
        "model": "any",
        "backend": "standin",
        "standin": {"token_s": 0.05},
        "measurement": {"window": {"min_duration_s": 2.0}, "repeats": {"min": 3, "max": 3}},
    }
)


def _raw(power_w: Callable[[bool], float], trace: EnergyTrace | None = None) -> RawRun:
    """Take a run on a virtual clock: `power_w` watts while at rest (False) and at work (True)."""
    clock = VirtualClock()
    log = Recorder(clock=clock)
    began = clock.now_ns()
    power = KnownPower(clock, lambda time_ns: power_w(time_ns - began >= 5_000_000_000))
    backend = StandInBackend()
    measure_idle("baseline_idle", 5.0, log, power)
    info = backend.load(CONFIG, clock)
    clock.sleep(1.0)
    reason = measure_repeats(offline(backend, PROMPTS, clock), CONFIG.measurement, log, power)
    return RawRun(
        trace=power.trace() if trace is None else trace,
        phases=tuple(log.phases),
        requests=log.requests.table(),
        facts=RunFacts(experiment_id="run", model_info=info, stopped_because=reason),
    )


def _result(power_w: Callable[[bool], float]) -> ExperimentResult:
    return assemble(CONFIG, _raw(power_w)).result


def test_energy_is_power_times_window_time() -> None:
    result = _result(lambda at_work: 300.0 if at_work else 80.0)
    assert result.total_energy_j == pytest.approx(300.0 * result.total_inference_time_s, rel=1e-3)
    assert result.mean_power_w == pytest.approx(300.0, rel=1e-3)


def test_the_energy_of_each_interval_of_a_run_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows, phases, slices of the idle baseline and batches: many ask for them, by several figures and checks."""
    computed: list[tuple[int, int]] = []
    energies = CounterCurve.energies

    def recorded(
        curve: CounterCurve, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> IntervalEnergies:
        computed.extend(zip(start_ns.tolist(), end_ns.tolist(), strict=True))
        return energies(curve, start_ns, end_ns)

    raw = _raw(lambda at_work: 300.0 if at_work else 80.0)
    monkeypatch.setattr(CounterCurve, "energies", recorded)
    assemble(CONFIG, raw)
    windows = {(each.start_unix_ns, each.end_unix_ns) for each in raw.phases if each.name == "window"}
    assert windows <= set(computed)
    assert len(computed) == len(set(computed))


def test_steps_that_mix_both_phases_are_split_by_the_cost_model_and_labelled_derived() -> None:
    run = serve(Mix(fills=True), 1, COUNTERS["v100"], windows=2, window_s=4.0)
    facts = RunFacts(experiment_id="run")
    raw = RawRun(trace=run.trace, phases=run.phases, requests=run.requests, steps=run.steps, facts=facts)
    result = assemble(CONFIG, raw).result
    split, prefill = result.phase_split, result.estimates["prefill_energy_j"]
    assert split is not None
    assert split.method == "model"
    assert "compute the prompts of some requests and the tokens of others" in result.unknown["prefill_time_s"]
    parts = (split.prefill_energy_j or 0, split.decode_energy_j or 0, split.rest_energy_j or 0)
    assert math.fsum(parts) == pytest.approx(result.total_energy_j, rel=1e-9)
    assert min(parts[:2]) > 0
    assert (prefill.method, prefill.low) == ("derived", None)
    assert "no interval" in str(prefill.reason)


def test_net_energy_is_gross_less_idle_and_keeps_its_sign() -> None:
    dearer = _result(lambda at_work: 300.0 if at_work else 80.0)
    cheaper = _result(lambda at_work: 70.0 if at_work else 80.0)
    assert dearer.idle_power_w == pytest.approx(80.0, rel=0.02)
    assert dearer.net_energy_j is not None
    assert dearer.net_energy_j > 0
    assert cheaper.net_energy_j is not None
    assert cheaper.net_energy_j < 0


def test_totals_are_sums_over_repeats_and_token_figures_are_their_ratios() -> None:
    result = _result(lambda _at_work: 200.0)
    assert result.output_tokens == sum(repeat.output_tokens for repeat in result.repeats)
    assert result.total_tokens == result.input_tokens + result.output_tokens
    assert result.total_energy_j == pytest.approx(
        math.fsum(repeat.energy_j or 0 for repeat in result.repeats)
    )
    total = result.total_energy_j or 0
    assert result.energy_per_output_token_j == pytest.approx(total / result.output_tokens)
    assert result.energy_per_input_token_j == pytest.approx(total / result.input_tokens)
    assert result.energy_per_token_j == pytest.approx(total / result.total_tokens)
    assert result.energy_per_request_j == pytest.approx(total / result.total_requests)
    assert result.output_tokens_per_s == pytest.approx(result.output_tokens / result.total_inference_time_s)


def test_every_measured_headline_has_an_interval_around_it() -> None:
    result = _result(lambda _at_work: 200.0)
    measured = {
        "total_energy_j",
        "mean_power_w",
        "output_tokens_per_s",
        "energy_per_output_token_j",
        "energy_per_input_token_j",
        "energy_per_token_j",
        "energy_per_request_j",
        "total_inference_time_s",
        "ttft_s",
        "tpot_s",
        "net_energy_j",
        "idle_power_w",
        "total_requests",
        "failed_requests",
        "input_tokens",
        "output_tokens",
        "total_tokens",
    }
    unknown = {"context_power_w", "loaded_power_w", "marginal_energy_j", "load_energy_j", "total_flops"}
    assert measured <= set(result.estimates)
    assert unknown <= set(result.unknown)
    assert {figure.name for figure in FIGURES} == {*result.estimates, *result.unknown} - {"attribution"}
    assert not set(result.estimates) & set(result.unknown)
    assert all(result.unknown.values())
    for name, estimate in result.estimates.items():
        assert estimate.value == getattr(result, name)
        assert estimate.low is not None
        assert estimate.high is not None


def test_run_without_a_meter_has_no_energy_but_all_the_rest() -> None:
    result = assemble(CONFIG, _raw(lambda _at_work: 200.0, trace=Unmetered().trace())).result
    assert result.total_energy_j is result.energy_per_token_j is result.mean_power_w is None
    assert result.energy.by_device == ()
    assert result.output_tokens_per_s is not None
    assert result.verdict == "invalid"
    assert [warning.code for warning in result.warnings] == ["energy_unknown"]


def test_trace_that_ends_early_leaves_energy_unknown_never_zero() -> None:
    raw = _raw(lambda _at_work: 200.0)
    half = len(raw.trace.samples) // 2
    cut = EnergyTrace(
        channels=raw.trace.channels, samples=raw.trace.samples[:half], interrupted="killed by signal 9"
    )
    result = assemble(CONFIG, replace(raw, trace=cut)).result
    assert result.total_energy_j is None
    assert [repeat.energy_j is None for repeat in result.repeats][-1]
    assert {"sampler_died", "energy_unknown"} <= {warning.code for warning in result.warnings}
    assert result.verdict == "invalid"


def test_result_survives_its_json() -> None:
    result = _result(lambda _at_work: 200.0)
    assert ExperimentResult.model_validate_json(result.model_dump_json()) == result


def test_headline_fields_come_first_and_in_the_published_order() -> None:
    names = list(_result(lambda _at_work: 200.0).model_dump())
    assert names[:7] == [
        "schema_version",
        "experiment_id",
        "config_hash",
        "backend",
        "model",
        "device",
        "verdict",
    ]


def test_interrupted_window_is_not_counted() -> None:
    raw = _raw(lambda _at_work: 200.0)
    phases = (*raw.phases[:-1], replace(raw.phases[-1], complete=False))
    result = assemble(CONFIG, replace(raw, phases=phases)).result
    assert len(result.repeats) == 2
    assert result.total_requests == (raw.requests.repeat < 2).sum()
    assert np.isfinite(result.total_energy_j or math.nan)


def test_a_result_has_no_further_fields_than_figures_of_the_table() -> None:
    further = _result(lambda _at_work: 200.0).model_extra or {}
    assert set(further) <= {figure.name for figure in FIGURES}


def test_why_a_figure_is_unknown_stands_in_the_result() -> None:
    without = assemble(CONFIG, _raw(lambda _at_work: 200.0, trace=Unmetered().trace())).result
    assert without.unknown["total_energy_j"] == "no energy source was read, in 3 of 3 windows"
    assert without.unknown["loaded_power_w"] == "not measured: measurement.baseline.loaded_s is 0"
    assert without.unknown["total_flops"] == NO_SHAPE
    raw = _raw(lambda _at_work: 200.0)
    assert raw.facts.model_info is not None
    packed = raw.facts.model_info.model_copy(update={"unknown": {"shape": "weights are packed"}})
    uncounted = assemble(
        CONFIG, replace(raw, facts=raw.facts.model_copy(update={"model_info": packed}))
    ).result
    assert uncounted.unknown["total_flops"] == "weights are packed"
    none = ExperimentConfig.model_validate({**CONFIG.model_dump(), "energy": {"meters": "none"}})
    nothing = assemble(none, _raw(lambda _at_work: 200.0, trace=Unmetered().trace())).result
    assert nothing.unknown["net_energy_j"] == "no energy was measured: energy.meters is none"
    assert all(getattr(nothing, name) is None for name in nothing.unknown)


def test_a_snapshot_that_failed_is_unknown_with_its_reason() -> None:
    raw = _raw(lambda busy: 300.0 if busy else 50.0)
    facts = raw.facts.model_copy(update={"snapshot_unknown": "the snapshot failed: OSError"})
    result = assemble(CONFIG, replace(raw, facts=facts)).result
    assert result.environment_snapshot is None
    assert result.unknown["environment_snapshot"] == "the snapshot failed: OSError"
