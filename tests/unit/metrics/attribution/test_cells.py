"""Cells are what a sensor resolves, and add up to the energy of the interval that they divide."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.metrics.attribution.cells import channel_cells
from llenergymeasure.metrics.energy.build import build_curves
from tests.simulators.signals import Square
from tests.support.simulated_power import COUNTERS, POWER_ONLY, read
from tests.support.synthetic import constant, counter_curve, ns


@pytest.mark.parametrize("sensor", [*COUNTERS.values(), *POWER_ONLY.values()])
def test_cells_add_up_to_the_energy_of_the_interval(sensor):
    power = Square(low=100.0, high=300.0, period_s=0.7)
    trace = read(sensor, power, 9.0, np.random.default_rng(1))
    (curve,) = build_curves(trace)
    start_ns, end_ns = ns(2.0123), ns(7.05)
    cells = channel_cells(curve, start_ns, end_ns)
    whole = curve.energies(np.array([start_ns]), np.array([end_ns]))
    assert cells.energy_j.sum() == pytest.approx(float(whole.energy_j[0]), rel=1e-9)
    assert cells.edges_ns[0] == start_ns
    assert cells.edges_ns[-1] == end_ns
    assert len(cells) > 20


def test_inner_edges_of_a_counter_are_its_ticks():
    curve = counter_curve(constant(200.0), 0.1)
    cells = channel_cells(curve, ns(2.03), ns(4.03))
    assert np.diff(cells.edges_ns[1:-1]) / 1e9 == pytest.approx(0.1, abs=0.002)
    assert cells.energy_j[1:-1] == pytest.approx(20.0, rel=0.02)


def test_an_unknown_energy_leaves_no_cells_and_says_why():
    curve = counter_curve(constant(200.0), 0.1)
    cells = channel_cells(curve, ns(2.0), ns(1e6))
    assert len(cells) == 0
    assert "was not read after" in (cells.reason or "")
