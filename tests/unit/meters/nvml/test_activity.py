"""The activity of a card's parts: what the simulated GPM says, at its own slow pace, and why there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.meters.base import MeterOptions
from tests.simulators.nvml.machine import NOT_SUPPORTED, UNKNOWN, Activity, Fault, NvmlMachine, SimulatedGpu
from tests.simulators.nvml.profiles import a100, h100
from tests.simulators.signals import Constant, Square
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

pytestmark = pytest.mark.simulator

SAMPLER = """
    import json, sys, time
    from pathlib import Path
    import numpy as np
    from llenergymeasure.core.clock import AnchoredClock
    from llenergymeasure.meters.base import MeterOptions
    from llenergymeasure.meters.nvml.meter import NvmlMeter
    from llenergymeasure.meters.sampling.sampler import Sampler

    options = MeterOptions.model_validate_json(sys.argv[3])
    sampler = Sampler([NvmlMeter], options, AnchoredClock(), Path(sys.argv[1]))
    sampler.start()
    time.sleep(float(sys.argv[2]))
    trace = sampler.stop()
    rows = trace.of(0)
    names = ("sm_activity_pct", "tensor_activity_pct", "dram_activity_pct")
    told = rows[np.isfinite(rows["sm_activity_pct"])]
    print(json.dumps({
        "unknown": [each.activity_unknown for each in trace.channels],
        "t_s": [t / 1e9 for t in told["t_unix_ns"].tolist()],
        "gap_s": (np.diff(rows["t_unix_ns"]) / 1e9).tolist(),
        **{name: told[name].tolist() for name in names},
    }))
"""


@pytest.fixture
def sampled(nvml_simulator: NvmlSimulator, child_json: ChildJson, tmp_path: Any) -> Any:
    """A function `(card, ..., seconds=...)` that runs the sampler and returns the activities it recorded."""

    def run(*cards: SimulatedGpu, seconds: float = 1.3, options: MeterOptions | None = None) -> Any:
        environment = nvml_simulator(NvmlMachine(gpus=cards))
        return child_json(
            SAMPLER,
            environment,
            str(tmp_path / "samples.bin"),
            str(seconds),
            (options or MeterOptions()).model_dump_json(),
        )

    return run


def test_a_hopper_card_tells_its_activity_every_half_second(sampled: Any) -> None:
    """Each is a mean since the one before: of SMs that are busy for half of each 100 ms, neither 0 nor 100 %."""
    half = Square(low=0.0, high=100.0, period_s=0.1)
    outcome = sampled(
        h100(activity=Activity(sm_pct=half, tensor_pct=Constant(31.5), dram_pct=Constant(55.0)))
    )
    assert outcome["unknown"] == [None]
    assert 1 <= len(outcome["t_s"]) <= 3
    for name, percent in (("sm", 50.0), ("tensor", 31.5), ("dram", 55.0)):
        assert outcome[f"{name}_activity_pct"] == pytest.approx([percent] * len(outcome["t_s"]), abs=0.01)


def test_slow_readings_of_activity_delay_no_reading_of_energy_and_become_rare(sampled: Any) -> None:
    """Each call takes 200 ms, ten periods of the energy sampling."""
    slow = Activity(sm_pct=Constant(70.0), tensor_pct=Constant(20.0), dram_pct=Constant(50.0), call_s=0.2)
    outcome = sampled(h100(activity=slow), seconds=2.5)
    assert len(outcome["t_s"]) == 1
    assert np.quantile(outcome["gap_s"], 0.9) < 0.1


def test_a_card_without_activity_says_why(sampled: Any) -> None:
    cards = (
        a100(),
        h100(mig=True),
        h100(faults=(Fault(call="gpm", code=13),)),
        h100(faults=(Fault(call="gpm_sample", code=NOT_SUPPORTED),)),
    )
    numbered = [replace(card, uuid=f"GPU-{number}", pci_bus=number + 1) for number, card in enumerate(cards)]
    outcome = sampled(*numbered, seconds=0.1)
    assert outcome["unknown"] == [
        "the card has no GPM metrics (NVIDIA GPUs have them from Hopper on)",
        "the card is cut into MIG instances, and the GPM metrics are read of whole cards",
        "the NVIDIA driver, or its Python binding, is too old for the GPM metrics",
        "the GPM metrics cannot be read: Not Supported",
    ]


def test_activity_is_not_read_where_the_configuration_says_so(sampled: Any) -> None:
    options = MeterOptions(energy=EnergyConfig.model_validate({"nvml": {"activity": False}}))
    outcome = sampled(h100(), seconds=0.1, options=options)
    assert outcome["unknown"] == ["energy.nvml.activity is false"]


def test_readings_that_fail_later_leave_no_value(sampled: Any) -> None:
    outcome = sampled(h100(faults=(Fault(call="gpm_sample", code=UNKNOWN, after_calls=1),)))
    assert outcome["t_s"] == []
    assert outcome["gap_s"]
