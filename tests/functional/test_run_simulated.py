"""The whole command line on simulated meters: reported energy is within 1 % of the truth over the reported windows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.nvml.machine import NvmlMachine
from tests.simulators.nvml.profiles import BUSY, a100, h100
from tests.simulators.powercap import PowercapTree, Zone
from tests.simulators.signals import Constant, Signal, Square
from tests.support.simulator_fixtures import NvmlSimulator, PowercapSimulator

pytestmark = pytest.mark.simulator

FIRST = "GPU-6f1c2a9e-5b7d-4e0f-8a43-2d9c71b0e650"
SECOND = "GPU-0b9d4c31-77aa-4f52-9e1b-c4d85a7f1e02"
SETTINGS = {
    "workload.dataset": "synthetic",
    "workload.input_tokens": 5,
    "workload.n_prompts": 8,
    "workload.max_output_tokens": 8,
    "measurement.baseline.idle_s": 1.0,
    "measurement.baseline.loaded_s": 0,
    "measurement.warmup.min_requests": 1,
    "measurement.warmup.min_duration_s": 0,
    "measurement.warmup.max_duration_s": "null",
    "measurement.window.min_duration_s": 3,
    "measurement.repeats.max": 3,
    "standin": "{token_s: 0.0083}",
}


def _run(tmp_path: Path, environment: dict[str, str], meters: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "llenergymeasure", "run", "--json", "--output", str(tmp_path / "out")]
    command += [
        "--model",
        "any",
        "--backend",
        "standin",
        "--device",
        "cpu",
        "--set",
        f"energy.meters={meters}",
    ]
    for key, value in SETTINGS.items():
        command += ["--set", f"{key}={value}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _true_gpu_energy_j(machine: NvmlMachine, gpu: int, result: dict[str, Any]) -> float:
    return sum(
        machine.true_energy_j(gpu, repeat["start_unix_ns"], repeat["end_unix_ns"])
        for repeat in result["repeats"]
    )


@pytest.mark.parametrize(
    "power",
    [Constant(310.0), Square(low=80.0, high=420.0, period_s=0.7)],
    ids=["constant", "square-wave"],
)
def test_gpu_energy_is_within_one_percent_of_the_truth(
    tmp_path: Path, standin_env: dict[str, str], nvml_simulator: NvmlSimulator, power: Signal
) -> None:
    machine = NvmlMachine(gpus=(h100(uuid=FIRST, power=power), a100(uuid=SECOND, pci_bus=0x65, power=power)))
    environment = nvml_simulator(machine, PYTHONPATH=standin_env["PYTHONPATH"])
    result = _run(tmp_path, environment, "nvml")
    reported = {device["device"]: device for device in result["energy"]["by_device"]}
    for index, uuid in enumerate((FIRST, SECOND)):
        truth = _true_gpu_energy_j(machine, index, result)
        assert reported[uuid]["energy_j"] == pytest.approx(truth, rel=0.01)
        assert reported[uuid]["method"] == "counter"
    total = sum(device["energy_j"] for device in reported.values())
    assert result["total_energy_j"] == pytest.approx(total)
    _check_activity(result["conditions"])
    for repeat in result["repeats"]:
        each = sum(
            machine.true_energy_j(gpu, repeat["start_unix_ns"], repeat["end_unix_ns"]) for gpu in (0, 1)
        )
        assert repeat["energy_j"] == pytest.approx(each, rel=0.01)
        assert repeat["duration_s"] >= 3


def _check_activity(conditions: list[dict[str, Any]]) -> None:
    """A Hopper card tells how busy its parts are, one before Hopper why it does not."""
    hopper, ampere = ({each["device"]: each for each in conditions}[uuid] for uuid in (FIRST, SECOND))
    for name, percent in (("sm", BUSY.sm_pct), ("tensor", BUSY.tensor_pct), ("dram", BUSY.dram_pct)):
        assert hopper[f"{name}_activity_pct"]["mean"] == pytest.approx(percent.at(0.0), abs=0.01)
        assert ampere[f"{name}_activity_pct"] is None
    assert hopper["activity_unknown"] is None
    assert ampere["activity_unknown"].startswith("the card has no GPM metrics")


def test_only_the_visible_gpu_is_counted(
    tmp_path: Path, standin_env: dict[str, str], nvml_simulator: NvmlSimulator
) -> None:
    machine = NvmlMachine(gpus=(h100(uuid=FIRST), h100(uuid=SECOND, pci_bus=0x65)))
    environment = nvml_simulator(machine, PYTHONPATH=standin_env["PYTHONPATH"], CUDA_VISIBLE_DEVICES=SECOND)
    result = _run(tmp_path, environment, "nvml")
    assert [device["device"] for device in result["energy"]["by_device"]] == [SECOND]
    assert [gpu["uuid"] for gpu in result["environment_snapshot"]["hardware"]["gpus"]] == [FIRST, SECOND]


def test_processor_energy_is_within_one_percent_of_the_truth_through_a_wrap(
    tmp_path: Path, standin_env: dict[str, str], powercap_simulator: PowercapSimulator
) -> None:
    power = Square(low=20.0, high=95.0, period_s=0.7)
    wraps_soon = Zone(
        name="package-0",
        power=power,
        start_uj=1_000_000,
        range_uj=220_000_000,  # 220 J: wraps every few seconds
        children=(Zone(name="dram", power=Constant(6.0)), Zone(name="core", power=Constant(15.0))),
    )
    tree = powercap_simulator(PowercapTree(zones=(wraps_soon,)))
    environment = {**standin_env, "LLEM_POWERCAP_DIR": str(tree.path)}
    result = _run(tmp_path, environment, "rapl")
    for repeat in result["repeats"]:
        truth = sum(
            tree.true_energy_j(zone, repeat["start_unix_ns"], repeat["end_unix_ns"])
            for zone in ("package-0", "package-0/dram")
        )
        assert repeat["energy_j"] == pytest.approx(truth, rel=0.01)
    assert result["total_energy_j"] > 220
