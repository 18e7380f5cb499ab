"""The whole command line with meters on other libraries: their GPU energy over 3 s windows is near the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.nvml.machine import Fault, NvmlMachine
from tests.simulators.nvml.profiles import a100, h100
from tests.simulators.powercap import PowercapTree, Zone
from tests.simulators.signals import Constant, Square
from tests.support.peer_meters import FIRST, SECOND, needs, with_nvidia_smi
from tests.support.simulator_fixtures import NvmlSimulator, PowercapSimulator

pytestmark = [pytest.mark.simulator, pytest.mark.slow, needs("zeus"), needs("codecarbon")]

SETTINGS = {
    "workload.dataset": "synthetic",
    "workload.input_tokens": 5,
    "workload.n_prompts": 8,
    "workload.max_output_tokens": 8,
    "measurement.baseline.idle_s": 1,
    "measurement.baseline.loaded_s": 0,
    "measurement.warmup.min_requests": 1,
    "measurement.warmup.min_duration_s": 0,
    "measurement.warmup.max_duration_s": "null",
    "measurement.repeats.max": 3,
    "standin": "{token_s: 0.0083}",
}
WAVE = Square(low=80.0, high=420.0, period_s=0.7)
TOLERANCE = {"zeus": 0.02, "codecarbon": 0.03}


@pytest.fixture
def run_llem(tmp_path: Path, standin_env: dict[str, str]) -> Any:
    """A function `(meters, environment, window_s) -> result` that runs an experiment as it is typed."""

    def run(meters: str, environment: Mapping[str, str], window_s: int = 3) -> dict[str, Any]:
        settings = {
            **SETTINGS,
            "energy.meters": meters,
            "measurement.window.min_duration_s": window_s,
        }
        command = [
            sys.executable,
            "-m",
            "llenergymeasure",
            "run",
            "--json",
            "--output",
            str(tmp_path / "out"),
        ]
        command += ["--model", "any", "--backend", "standin", "--device", "cpu"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(
            command,
            env={**with_nvidia_smi(tmp_path, environment), "PYTHONPATH": standin_env["PYTHONPATH"]},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return run


def by_device(result: dict[str, Any], meter: str) -> dict[str, dict[str, Any]]:
    return {each["device"]: each for each in result["energy"]["by_device"] if each["meter"] == meter}


def true_energy_j(machine: NvmlMachine, gpu: int, result: dict[str, Any]) -> float:
    return sum(
        machine.true_energy_j(gpu, repeat["start_unix_ns"], repeat["end_unix_ns"])
        for repeat in result["repeats"]
    )


@pytest.mark.parametrize("meter", ["zeus", "codecarbon"])
def test_each_card_is_near_the_truth_under_a_square_wave(
    run_llem: Any, nvml_simulator: NvmlSimulator, meter: str
) -> None:
    machine = NvmlMachine(gpus=(h100(power=WAVE), a100(uuid=SECOND, pci_bus=0x65, power=WAVE)))
    result = run_llem(meter, nvml_simulator(machine))
    reported = by_device(result, meter)
    for index, uuid in enumerate((FIRST, SECOND)):
        truth = true_energy_j(machine, index, result)
        assert reported[uuid]["energy_j"] == pytest.approx(truth, rel=TOLERANCE[meter])
        assert (reported[uuid]["method"], reported[uuid]["included_in_total"]) == ("counter", True)


def test_a_card_named_by_uuid_is_counted_once_and_alone(run_llem: Any, nvml_simulator: NvmlSimulator) -> None:
    machine = NvmlMachine(gpus=(h100(power=Constant(310.0)), h100(uuid=SECOND, pci_bus=0x65, power=WAVE)))
    environment = nvml_simulator(machine, CUDA_VISIBLE_DEVICES=SECOND)
    result = run_llem("[nvml, zeus, codecarbon]", environment)
    truth = true_energy_j(machine, 1, result)
    for meter in ("nvml", "zeus", "codecarbon"):
        gpus = {key: each for key, each in by_device(result, meter).items() if each["domain"] == "gpu"}
        assert list(gpus) == [SECOND]
        assert gpus[SECOND]["energy_j"] == pytest.approx(truth, rel=0.03)
        assert gpus[SECOND]["included_in_total"] == (meter == "nvml")
    counted = [each["energy_j"] for each in result["energy"]["by_device"] if each["included_in_total"]]
    assert result["total_energy_j"] == pytest.approx(sum(counted))
    assert len(counted) == 3  # the card once, CodeCarbon's processor and memory
    assert "energy_estimated" in [warning["code"] for warning in result["warnings"]]


def test_zeus_follows_processor_counters_through_their_wraps(
    run_llem: Any, powercap_simulator: PowercapSimulator, standin_env: dict[str, str]
) -> None:
    wraps_soon = Zone(
        name="package-0",
        power=Square(low=20.0, high=95.0, period_s=0.7),
        range_uj=220_000_000,
        children=(Zone(name="dram", power=Constant(6.0)), Zone(name="core", power=Constant(15.0))),
    )
    tree = powercap_simulator(PowercapTree(zones=(wraps_soon, Zone(name="psys", power=Constant(200.0)))))
    result = run_llem("zeus", {**standin_env, "LLEM_POWERCAP_DIR": str(tree.path), "LD_LIBRARY_PATH": ""})
    for repeat in result["repeats"]:
        truth = sum(
            tree.true_energy_j(zone, repeat["start_unix_ns"], repeat["end_unix_ns"])
            for zone in ("package-0", "package-0/dram")
        )
        assert repeat["energy_j"] == pytest.approx(truth, rel=0.01)


@pytest.mark.parametrize("meter", ["zeus", "codecarbon"])
def test_a_card_that_is_lost_in_the_run_has_no_energy_and_a_reason(
    run_llem: Any, nvml_simulator: NvmlSimulator, meter: str
) -> None:
    lost = tuple(Fault(call=call, code=15, after_calls=40) for call in ("energy", "power", "fields"))
    machine = NvmlMachine(gpus=(h100(faults=lost),))
    result = run_llem(meter, nvml_simulator(machine), window_s=3)
    card = by_device(result, meter)[FIRST]
    assert card["energy_j"] is None
    assert card["reason"]
    assert result["total_energy_j"] is None
    assert result["verdict"] == "invalid"
    assert "energy_unknown" in [warning["code"] for warning in result["warnings"]]
