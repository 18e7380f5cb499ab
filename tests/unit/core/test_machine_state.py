"""A machine's state stays equal until something changes that its idle power would follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llenergymeasure.core.machine_state import read_machine_state
from llenergymeasure.core.nvidia import gpu
from llenergymeasure.exceptions import MeterUnavailable
from tests.simulators.nvml.machine import NvmlMachine
from tests.simulators.nvml.profiles import h100
from tests.simulators.signals import Constant
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

STATE = """
import json
from llenergymeasure.core.machine_state import read_machine_state
print(json.dumps(read_machine_state()))
"""


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise MeterUnavailable("no driver")

    monkeypatch.setattr(gpu, "read_gpus", refuse)


def _root(folder: Path, machine_id: str = "id", boot_id: str = "boot", governor: str = "powersave") -> Path:
    files = {
        "etc/machine-id": machine_id,
        "proc/sys/kernel/random/boot_id": boot_id,
        "proc/cpuinfo": "model name : Some CPU\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": governor,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text}\n")
    return folder


@pytest.mark.usefixtures("no_gpu")
def test_state_is_plain_and_the_same_when_read_again(tmp_path: Path) -> None:
    root = _root(tmp_path)
    assert read_machine_state(root) == json.loads(json.dumps(read_machine_state(root)))
    assert read_machine_state(root)["gpus"] == []


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("change", ["machine_id", "boot_id", "governor"])
def test_another_machine_boot_or_governor_is_another_state(tmp_path: Path, change: str) -> None:
    before = read_machine_state(_root(tmp_path))
    assert read_machine_state(_root(tmp_path, **{change: "other"})) != before


@pytest.mark.usefixtures("no_gpu")
def test_machine_that_says_nothing_has_a_state_too(tmp_path: Path) -> None:
    state = read_machine_state(tmp_path)
    assert state["machine_id"] is state["boot_id"] is None


@pytest.mark.simulator
def test_power_limit_is_part_of_the_state_and_temperature_is_not(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    states = [
        child_json(STATE, nvml_simulator(NvmlMachine(gpus=(card,))))
        for card in (
            h100(),
            h100(temperature=Constant(80.0)),
            h100(limits_w=(400.0, 700.0, 200.0, 700.0)),
            h100(uuid="GPU-0b9d4c31-77aa-4f52-9e1b-c4d85a7f1e02"),
        )
    ]
    assert states[0] == states[1]
    assert states[0] != states[2]
    assert states[0] != states[3]
