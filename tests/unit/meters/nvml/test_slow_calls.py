"""Eight cards whose calls are slow are read at the same time, so that their sampling keeps its rate."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.nvml.machine import NvmlMachine
from tests.simulators.nvml.profiles import h100
from tests.simulators.signals import Constant
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

pytestmark = pytest.mark.simulator

CALL_S = 0.004
CARDS = 8
SAMPLER = """
    import json, sys, time
    from pathlib import Path
    import numpy as np
    from llenergymeasure.core.clock import AnchoredClock
    from llenergymeasure.meters.base import MeterOptions
    from llenergymeasure.meters.nvml.meter import NvmlMeter
    from llenergymeasure.meters.sampling.sampler import Sampler

    sampler = Sampler([NvmlMeter], MeterOptions(), AnchoredClock(), Path(sys.argv[1]))
    sampler.start()
    time.sleep(1.5)
    trace = sampler.stop()
    of_cards = [trace.of(number) for number in range(len(trace.channels))]
    print(json.dumps({
        "gap_s": [float(np.median(np.diff(rows["t_unix_ns"][-25:]))) / 1e9 for rows in of_cards],
        "power_w": [float(rows["power_w"][-1]) for rows in of_cards],
        "with_temperature": [int(np.isfinite(rows["temperature_c"]).sum()) for rows in of_cards],
        "pace": sampler.paces[0].model_dump(),
    }))
"""


@pytest.fixture
def outcome(nvml_simulator: NvmlSimulator, child_json: ChildJson, tmp_path: Any) -> Any:
    """What the sampler made of eight cards, each of its own power."""
    cards = tuple(
        h100(uuid=f"GPU-{number}", pci_bus=number + 1, power=Constant(100.0 + 50 * number))
        for number in range(CARDS)
    )
    environment = nvml_simulator(NvmlMachine(gpus=cards, read_latency_s=CALL_S))
    return child_json(SAMPLER, environment, str(tmp_path / "samples.bin"))


def test_slow_cards_are_read_at_the_same_time_and_none_is_taken_for_another(outcome: Any) -> None:
    one_after_the_other_s = CARDS * 2 * CALL_S
    assert max(outcome["gap_s"]) < one_after_the_other_s
    assert outcome["power_w"] == [100.0 + 50 * number for number in range(CARDS)]
    assert min(outcome["with_temperature"]) > 1
    assert outcome["pace"]["in_parallel"]
    assert 2 * CALL_S < outcome["pace"]["reading_s"] < one_after_the_other_s
