"""Energies of prefill and decode have the spread between repeats, and state how they were measured."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from llenergymeasure.domain.breakdowns.phase_split import PhaseSplit
from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.attribution.phases.intervals import RunEnergies
from llenergymeasure.metrics.attribution.phases.split import PhaseShares, SplitEnergies
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures import phases
from llenergymeasure.metrics.figures.energies import TOTAL_ENERGY, energy_over
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs
from llenergymeasure.metrics.figures.speed import DURATION_OF_WINDOWS
from llenergymeasure.metrics.statistics.student import mean_half_width
from llenergymeasure.metrics.uncertainty.budget import ONE_WINDOW
from tests.support.simulated_phases import Load, PhasedRun, phased_run
from tests.support.simulated_power import COUNTERS

LONG = Load(batches=4, prefill_s=1.5, decode_s=2.0)
"""Phases that the sensor resolves."""
ENERGIES = (phases.PREFILL_ENERGY, phases.DECODE_ENERGY)


def _a_window_for_each_batch(run: PhasedRun) -> PhasedRun:
    starts_ns = run.steps.start_unix_ns[run.steps.prefill_tokens > 0].tolist()
    ends_ns = [*starts_ns[1:], run.windows[0].end_unix_ns]
    windows = [
        Phase(name="window", start_unix_ns=start, end_unix_ns=end, repeat=number)
        for number, (start, end) in enumerate(zip(starts_ns, ends_ns, strict=True))
    ]
    return replace(run, windows=tuple(windows))


def _inputs(run: PhasedRun, split: SplitEnergies | None = None, method: Method = "counter") -> FigureInputs:
    rows = window_totals(EnergyAccount(run.trace), run.windows, RequestTable.empty())
    return FigureInputs(rows=rows, method=method, phase_split=split or run.split())


def _energy(figure: Figure, inputs: FigureInputs) -> Estimate:
    found = figure.compute(figure, inputs)
    assert isinstance(found, Estimate), found
    return found


def test_repeats_that_differ_widen_the_interval_of_each_phase_to_their_spread() -> None:
    load = replace(LONG, varies=0.0, prefill_scatters=0.1, decode_scatters=0.05)
    run = _a_window_for_each_batch(phased_run(COUNTERS["rapl"], load, 1))
    inputs = _inputs(run)
    runs = inputs.phase_split.runs
    assert runs is not None
    for phase, figure in enumerate(ENERGIES):
        spread_j = 4 * (mean_half_width(runs.by_window_j[:, phase].tolist()) or 0.0)
        found = _energy(figure, inputs)
        assert found.value == pytest.approx(run.true_j[phase], rel=0.01)
        assert found.half_width == pytest.approx(spread_j, rel=0.05)
        assert found.half_width > 2 * runs.half_width_j[phase]


@pytest.mark.parametrize(("fleeting_j", "beyond"), [(0.0, 1.0), (0.6, 0.8), (1.5, 0.0)])
def test_the_spread_that_the_meters_explain_is_not_counted_twice(fleeting_j: float, beyond: float) -> None:
    run = _a_window_for_each_batch(phased_run(COUNTERS["rapl"], LONG, 1))
    inputs = _inputs(run)
    energies_j = np.array([9.0, 10.0, 11.0, 10.0])
    spread_j = 4 * (mean_half_width(energies_j.tolist()) or 0.0)
    runs = RunEnergies(
        by_window_j=np.column_stack([energies_j] * 3),
        half_width_j=np.full(3, 2.0),
        fleeting_j=np.full(3, fleeting_j * spread_j),
    )
    split = replace(inputs.phase_split, runs=runs, half_width_j=runs.half_width_j)
    found = _energy(phases.DECODE_ENERGY, replace(inputs, phase_split=split))
    assert found.half_width == pytest.approx(math.hypot(2.0, beyond * spread_j))


def test_windows_have_the_energy_of_the_phases_that_lie_in_them() -> None:
    run = _a_window_for_each_batch(phased_run(COUNTERS["rapl"], LONG, 2))
    inputs = _inputs(run)
    runs = inputs.phase_split.runs
    assert runs is not None
    assert runs.by_window_j.sum(axis=1) == pytest.approx([row.energy.energy_j for row in inputs.rows])
    assert np.all(runs.by_window_j[:, :2] > 400)


def test_a_single_window_has_no_spread_and_says_so() -> None:
    assert _energy(phases.PREFILL_ENERGY, _inputs(phased_run(COUNTERS["rapl"], LONG, 1))).reason == ONE_WINDOW


@pytest.mark.parametrize(("meter", "stated"), [("estimated", "estimated"), ("sampled", "derived")])
def test_a_split_by_a_model_is_no_better_than_the_meter(meter: Method, stated: Method) -> None:
    run = phased_run(COUNTERS["a100"], Load(batches=20), 1)
    mixed = replace(run.steps, decode_tokens=np.ones(len(run.steps), dtype=np.int32))
    split = run.split(mixed, PhaseShares(prefill_j=30.0, decode_j=50.0, rest_j=1.0))
    for figure in ENERGIES:
        assert _energy(figure, _inputs(run, split, meter)).method == stated


def test_phases_of_a_fit_have_their_part_of_the_spread_between_repeats() -> None:
    run = _a_window_for_each_batch(phased_run(COUNTERS["a100"], LONG, 1))
    halves_j = np.array([30.0, 40.0, 1.0])
    fit = SplitEnergies(
        split=PhaseSplit(prefill_energy_j=1000.0, decode_energy_j=2000.0, rest_energy_j=0.0),
        half_width_j=halves_j,
    )
    inputs = _inputs(run, fit)
    total = energy_over(TOTAL_ENERGY, inputs)
    assert isinstance(total, UncertaintyBudget)
    (spread_j,) = (each.half_width for each in total.terms if each.name == "spread")
    assert spread_j > 0
    found = _energy(phases.DECODE_ENERGY, inputs)
    assert found.half_width == pytest.approx(math.hypot(40.0, 2000.0 * spread_j / total.value))
    assert found.reason is None


def test_times_of_phases_have_their_part_of_what_the_durations_of_windows_differ_by() -> None:
    run = _a_window_for_each_batch(phased_run(COUNTERS["a100"], replace(LONG, varies=0.1), 1))
    inputs = _inputs(run)
    windows, prefill, decode = (
        _energy(each, inputs) for each in (DURATION_OF_WINDOWS, phases.PREFILL_TIME, phases.DECODE_TIME)
    )
    assert windows.half_width > 0
    for each in (prefill, decode):
        assert each.half_width / each.value == pytest.approx(windows.half_width / windows.value)
    assert prefill.value + decode.value == pytest.approx(windows.value, rel=1e-6)
