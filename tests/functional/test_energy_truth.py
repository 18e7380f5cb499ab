"""Sampler, meters and arithmetic together, against simulated hardware whose true energy is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.nvml.meter import NvmlMeter
from llenergymeasure.meters.rapl.meter import RaplMeter
from llenergymeasure.meters.sampling.sampler import Sampler
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.curve import EnergyCurve
from tests.simulators.nvml.machine import EnergyCounter, NvmlMachine, SimulatedGpu
from tests.simulators.nvml.profiles import a100, h100
from tests.simulators.powercap import PowercapTree, Zone
from tests.simulators.signals import Constant, Square
from tests.support.simulator_fixtures import NvmlSimulator, PowercapSimulator
from tests.support.synthetic import energy_between

pytestmark = pytest.mark.slow

RUN_S, WINDOW_S = 5.0, 3.0
MARGIN_S = 0.3
WINDOWS = 12

Record = Callable[[type[Meter]], EnergyTrace]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A function that samples a meter for `RUN_S` seconds, as a run does."""

    def sample(meter: type[Meter]) -> EnergyTrace:
        sampler = Sampler([meter], MeterOptions(), AnchoredClock(), tmp_path / "samples.bin")
        try:
            sampler.start()
            time.sleep(RUN_S)
        finally:
            trace = sampler.stop()
        assert trace.interrupted is None
        return trace

    return sample


def worst_error(trace: EnergyTrace, curve: EnergyCurve, truth_j: Callable[[int, int], float]) -> float:
    """Return the largest relative error over windows of 3 s that begin all over the trace."""
    first_ns, last_ns = (int(trace.samples["t_unix_ns"][at]) for at in (0, -1))
    span_ns = last_ns - first_ns - round((2 * MARGIN_S + WINDOW_S) * 1e9)
    errors = []
    for number in range(WINDOWS):
        start_ns = first_ns + round(MARGIN_S * 1e9) + span_ns * number // (WINDOWS - 1)
        end_ns = start_ns + round(WINDOW_S * 1e9)
        found = energy_between(curve, start_ns, end_ns)
        assert found.energy_j is not None, found.reason
        errors.append(abs(found.energy_j / truth_j(start_ns, end_ns) - 1))
    return max(errors)


SECOND_UUID = "GPU-0b8f7a52-91c3-4d5e-8f60-1a2b3c4d5e6f"
PAIRS = {
    "counters that tick every 20 ms": (
        h100(power=Constant(310.0), counter=EnergyCounter(period_s=0.02, phase_s=0.007)),
        h100(uuid=SECOND_UUID, power=Square(low=80.0, high=420.0, period_s=0.7, phase_s=0.23)),
    ),
    "counters that tick every 100 ms": (
        a100(power=Constant(310.0), counter=EnergyCounter(period_s=0.1, phase_s=0.061)),
        a100(uuid=SECOND_UUID, power=Square(low=80.0, high=420.0, period_s=0.7, phase_s=0.41)),
    ),
}


@pytest.mark.simulator
@pytest.mark.parametrize("cards", PAIRS.values(), ids=PAIRS)
def test_three_seconds_of_two_gpus_are_within_one_percent(
    cards: tuple[SimulatedGpu, SimulatedGpu],
    nvml_simulator: NvmlSimulator,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = NvmlMachine(gpus=cards)
    for name, value in nvml_simulator(machine).items():
        monkeypatch.setenv(name, value)
    trace = record(NvmlMeter)
    for index, curve in enumerate(build_curves(trace)):
        assert curve.method == "counter"
        assert worst_error(trace, curve, lambda start, end: machine.true_energy_j(index, start, end)) < 0.01  # noqa: B023


def test_three_seconds_of_packages_are_within_one_percent_through_a_wrap(
    powercap_simulator: PowercapSimulator, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    range_uj = 262_143_328_850
    tree = powercap_simulator(
        PowercapTree(
            zones=(
                Zone(
                    name="package-0",
                    power=Square(low=15.0, high=95.0, period_s=0.7, phase_s=0.31),
                    start_uj=range_uj - 150_000_000,  # about 2.7 s before it wraps
                    children=(Zone(name="dram", power=Constant(12.0), start_uj=range_uj - 30_000_000),),
                ),
            )
        )
    )
    monkeypatch.setenv("LLEM_POWERCAP_DIR", str(tree.path))
    trace = record(RaplMeter)
    assert trace.of(0)["energy_j"][-1] < trace.of(0)["energy_j"][0]
    for curve, zone in zip(build_curves(trace), ("package-0", "package-0/dram"), strict=True):
        assert worst_error(trace, curve, lambda start, end: tree.true_energy_j(zone, start, end)) < 0.01  # noqa: B023
