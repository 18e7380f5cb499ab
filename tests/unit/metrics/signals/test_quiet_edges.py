"""Windows that begin with a prefill peak shorter than a tick, after a rest: their energy has no bias."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_ticks import Ticks
from llenergymeasure.metrics.signals.quiet_edges import add_quiet_edges
from tests.simulators.signals import Steps
from tests.support.simulated_power import COUNTERS, MARGIN_S, Run, read

REST_S = 0.3
RUNS = 40


def run_with_prefill_peaks(card: str, seed: int) -> Run:
    """Return five windows of 1 s that draw 690 W for 40 ms and then 260 W, with a rest before each."""
    rng = np.random.default_rng(seed)
    start_s = MARGIN_S + float(rng.uniform(0, 1))
    windows: list[tuple[float, float]] = []
    steps: list[tuple[float, float]] = []
    for _ in range(5):
        end_s = start_s + 1.0
        windows.append((start_s, end_s))
        steps += [(start_s, 690.0), (start_s + 0.04, 260.0), (end_s, 74.0)]
        start_s = end_s + REST_S + float(rng.uniform(0, 0.1))
    power = Steps(74.0, steps)
    trace = read(COUNTERS[card], power, start_s + MARGIN_S, rng)
    return Run(trace=trace, windows=windows, power=power, rests=True)


def judge(runs: list[Run]) -> tuple[float, float, float]:
    """Return the mean error, the share of intervals that hold the truth, and the median half-width."""
    budgets = [run.budget() for run in runs]
    errors = np.array([budget.value / run.true_j - 1 for budget, run in zip(budgets, runs, strict=True)])
    widths = np.array([budget.half_width or 0.0 for budget in budgets]) / [run.true_j for run in runs]
    return float(errors.mean()), float((np.abs(errors) <= widths).mean()), float(np.median(widths))


@pytest.mark.parametrize("card", ["a100", "v100", "h100 average"])
def test_totals_of_five_windows_after_a_rest_have_no_bias_and_are_covered(card: str) -> None:
    bias, held, half_width = judge([run_with_prefill_peaks(card, seed) for seed in range(RUNS)])
    assert abs(bias) < 0.0005
    assert held >= 0.95
    assert half_width < 0.002


def test_without_a_rest_errors_of_one_sign_are_still_covered() -> None:
    runs = [replace(run_with_prefill_peaks("a100", seed), rests=False) for seed in range(RUNS)]
    bias, held, _ = judge(runs)
    assert bias < -0.01  # the prefill is partly counted before the window, every time
    assert held >= 0.95


IDLE_W = [70.0] * 13
"""An idle phase before the rest: 1.3 s."""


def ticks_of(powers_w: NDArray[Any]) -> Ticks:
    energy_j = np.concatenate([[0.0], np.cumsum(powers_w * 0.1)])
    t_s = np.arange(len(energy_j)) * 0.1
    return Ticks(t_s=t_s, energy_j=energy_j, error_s=np.full(len(t_s), 0.001), period_s=0.1)


@settings(max_examples=300, deadline=None)
@given(
    powers_w=st.lists(st.floats(0.0, 700.0), min_size=4, max_size=20),
    edges=st.lists(st.floats(-0.2, 2.2), min_size=2, max_size=12, unique=True),
)
def test_energy_never_falls_and_the_ticks_keep_theirs(powers_w: list[float], edges: list[float]) -> None:
    """Whatever is said to be quiet, right or wrong."""
    ticks = ticks_of(np.array(powers_w))
    edges_s = np.sort(edges)[: len(edges) // 2 * 2].reshape(-1, 2)
    found = add_quiet_edges(ticks, edges_s)
    assert (np.diff(found.t_s) > 0).all()
    assert (np.diff(found.energy_j) >= 0).all()
    kept = np.isin(found.t_s, ticks.t_s)
    assert found.energy_j[kept].tolist() == ticks.energy_j.tolist()


def test_an_edge_is_added_where_the_tick_beside_it_is_quiet_as_a_whole() -> None:
    ticks = ticks_of(np.array([*IDLE_W, 300.0, 260.0, 150.0, *IDLE_W]))
    begins = add_quiet_edges(ticks, np.array([[0.0, 1.35]]))
    assert begins.quiet_edge_j is not None
    assert begins.t_s[np.isfinite(begins.quiet_edge_j)].tolist() == [1.35]
    assert np.interp(1.35, begins.t_s, begins.energy_j) == pytest.approx(13 * 7.0 + 70.0 * 0.05)
    ends = add_quiet_edges(ticks, np.array([[1.55, 2.85]]))
    assert np.interp(1.55, ends.t_s, ends.energy_j) == pytest.approx(ticks.energy_j[16] - 70.0 * 0.05)


def test_a_device_that_something_else_used_before_the_work_is_not_idle() -> None:
    """Two rests; before the second piece of work it drew as much as within the first."""
    powers_w = np.array([*IDLE_W, 300.0, 260.0, 260.0, 240.0, 250.0, 260.0, 250.0, 260.0, 70.0])
    rests = np.array([[0.0, 1.35], [1.5, 1.85]])
    ticks = ticks_of(powers_w)
    assert len(add_quiet_edges(ticks, rests[:1])) == len(ticks) + 1
    assert len(add_quiet_edges(ticks, rests)) == len(ticks)


@pytest.mark.parametrize(
    ("quiet_s", "why"),
    [
        ([0.0, 1.3005], "the edge lies on a tick"),
        ([0.0, 5.0], "the edge lies beyond the trace"),
        ([0.0, 1.0], "the whole quiet intervals are too short to tell"),
    ],
)
def test_no_edge_is_added_where_nothing_shows_its_energy(quiet_s: list[float], why: str) -> None:
    ticks = ticks_of(np.array([*IDLE_W, 300.0, 260.0, 150.0, *IDLE_W]))
    assert len(add_quiet_edges(ticks, np.array([quiet_s]))) == len(ticks), why
