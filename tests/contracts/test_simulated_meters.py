"""Every built-in meter passes the conformance check on simulated hardware, where this machine has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators.nvml.machine import NvmlMachine
from tests.simulators.nvml.profiles import a100, h100
from tests.simulators.powercap import PowercapTree, Zone
from tests.support.peer_meters import SECOND, needs, with_nvidia_smi
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator, PowercapSimulator

CHECK = """
    import json, sys
    from llenergymeasure import plugins
    from llenergymeasure.testing import check_meter

    channels = check_meter(plugins.find("meters", sys.argv[1]))
    print(json.dumps([[channel.domain, channel.method] for channel in channels]))
"""
CARD, COUNTER = ["gpu", "counter"], ["cpu", "counter"]


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nvml", [CARD, CARD]),
        ("rapl", [COUNTER, ["dram", "counter"]]),
        pytest.param("zeus", [CARD, CARD, COUNTER, ["dram", "counter"]], marks=needs("zeus")),
        pytest.param("codecarbon", [CARD, CARD], marks=needs("codecarbon")),
    ],
)
def test_meter_conforms_where_it_has_something_to_read(
    name: str,
    expected: list[list[str]],
    nvml_simulator: NvmlSimulator,
    powercap_simulator: PowercapSimulator,
    child_json: ChildJson,
    tmp_path: Path,
) -> None:
    package = Zone(name="package-0", children=(Zone(name="dram", start_uj=5),))
    tree = powercap_simulator(PowercapTree(zones=(package,)))
    machine = NvmlMachine(gpus=(h100(), a100(uuid=SECOND, pci_bus=0x65)))
    environment = nvml_simulator(machine, LLEM_POWERCAP_DIR=str(tree.path))
    channels = child_json(CHECK, with_nvidia_smi(tmp_path, environment), name)
    assert channels[: len(expected)] == expected
