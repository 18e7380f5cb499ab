"""The simulated powercap tree agrees with its own truth."""

from __future__ import annotations

import time

import pytest

from tests.simulators.powercap import PowercapTree, Zone
from tests.simulators.signals import Constant, Square
from tests.support.simulator_fixtures import PowercapSimulator

SERVER = PowercapTree(
    zones=(
        Zone(
            name="package-0",
            power=Square(low=30.0, high=120.0, period_s=0.2),
            children=(Zone(name="core", power=Constant(20.0)), Zone(name="dram", power=Constant(8.0))),
        ),
        Zone(name="psys", power=Constant(200.0)),
    )
)


def test_counter_files_follow_the_true_energy(powercap_simulator: PowercapSimulator) -> None:
    running = powercap_simulator(SERVER)
    counter = running.path / "intel-rapl:0" / "energy_uj"
    first, start = int(counter.read_text()), time.time_ns()
    time.sleep(0.25)
    last, end = int(counter.read_text()), time.time_ns()
    assert (last - first) / 1e6 == pytest.approx(running.true_energy_j("package-0", start, end), abs=6.0)


def test_the_tree_is_laid_out_as_in_sysfs(powercap_simulator: PowercapSimulator) -> None:
    path = powercap_simulator(SERVER).path
    assert (path / "intel-rapl:0:1" / "name").read_text() == "dram\n"
    assert (path / "intel-rapl" / "intel-rapl:0" / "intel-rapl:0:1").is_dir()
    assert (path / "intel-rapl:1" / "name").read_text() == "psys\n"


def test_a_counter_past_its_range_starts_at_zero_again() -> None:
    zone = Zone(name="package-0", power=Constant(1.0), start_uj=999_999, range_uj=1_000_000)
    assert [zone.counter_uj(t_s) for t_s in (0.0, 1e-6, 2e-6)] == [999_999, 1_000_000, 0]
