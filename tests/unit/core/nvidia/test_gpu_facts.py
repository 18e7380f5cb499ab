"""What the snapshot says of NVIDIA GPUs, on simulated machines and on one that has none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llenergymeasure.core.hardware import EnvironmentMetadata
from llenergymeasure.core.nvidia.throttle import reason_names
from tests.simulators.nvml.machine import (
    DRIVER_NOT_LOADED,
    NO_PERMISSION,
    UNKNOWN,
    Fault,
    MigDevice,
    NvmlMachine,
    SimulatedGpu,
    Throttle,
)
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

COLLECT = """
from llenergymeasure.core.environment import collect_environment_metadata
print(collect_environment_metadata().model_dump_json())
"""
FIRST, SECOND = "GPU-00000000-0000-0000-0000-000000000001", "GPU-00000000-0000-0000-0000-000000000002"


@pytest.fixture
def look(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> Any:
    """A function `(gpu, ..., environment=..., machine fields)` that returns what the snapshot says of the machine."""

    def collect(
        *gpus: SimulatedGpu, environ: dict[str, str] | None = None, **machine: Any
    ) -> EnvironmentMetadata:
        environment = nvml_simulator(NvmlMachine(gpus=gpus, **machine), **(environ or {}))
        return EnvironmentMetadata.model_validate_json(json.dumps(child_json(COLLECT, environment)))

    return collect


@pytest.mark.simulator
def test_card_tells_all_that_moves_a_figure(look: Any) -> None:
    machine = look(SimulatedGpu(persistence=False, throttle=Throttle(mask=0x4 | 0x40)))
    gpu = machine.gpu
    assert (gpu.name, gpu.index, gpu.visible) == ("NVIDIA H100 80GB HBM3", 0, True)
    assert (gpu.vram_total_mb, gpu.vram_used_mb) == (81920, 1024)
    assert (gpu.uuid, gpu.compute_capability) == (SimulatedGpu().uuid, "9.0")
    assert (gpu.pcie_generation, gpu.pcie_generation_max, gpu.pcie_width) == (5, 5, 16)
    assert (gpu.mig_enabled, gpu.ecc_enabled, gpu.persistence_mode) == (False, True, False)
    assert (gpu.power_limit_w, gpu.power_limit_default_w) == (700, 700)
    assert (gpu.power_limit_min_w, gpu.power_limit_max_w) == (200, 700)
    assert (gpu.sm_clock_mhz, gpu.sm_clock_max_mhz) == (1755, 1980)
    assert (gpu.memory_clock_mhz, gpu.memory_clock_max_mhz) == (2619, 2619)
    assert gpu.thermal.temperature_c == 52
    assert gpu.thermal.throttle_reasons == ("sw_power_cap", "hw_thermal_slowdown")
    assert machine.thermal == gpu.thermal
    assert (machine.cuda.version, machine.cuda.driver_version) == ("12.8", "570.86.15")
    assert machine.gpu_missing_because is None


@pytest.mark.simulator
def test_every_card_is_listed_and_the_first_visible_one_is_the_gpu(look: Any) -> None:
    cards = (SimulatedGpu(uuid=FIRST), SimulatedGpu(uuid=SECOND, pci_bus=0x65))
    machine = look(*cards, environ={"CUDA_VISIBLE_DEVICES": SECOND})
    assert [(gpu.uuid, gpu.visible) for gpu in machine.gpus] == [(FIRST, False), (SECOND, True)]
    assert machine.gpu == machine.gpus[1]


@pytest.mark.simulator
def test_card_that_answers_nothing_but_its_name_gives_none(look: Any) -> None:
    kinds = ("memory", "limits", "ecc", "persistence", "clocks", "temperature", "throttle")
    gpu = look(SimulatedGpu(faults=tuple(Fault(call=kind, code=NO_PERMISSION) for kind in kinds))).gpu
    assert gpu.name == "NVIDIA H100 80GB HBM3"
    unknown = (gpu.vram_total_mb, gpu.power_limit_w, gpu.power_limit_min_w, gpu.ecc_enabled)
    assert unknown == (None, None, None, None)
    assert (gpu.persistence_mode, gpu.sm_clock_mhz, gpu.sm_clock_max_mhz) == (None, None, None)
    assert (gpu.thermal.temperature_c, gpu.thermal.throttle_reasons) == (None, None)


@pytest.mark.simulator
def test_card_in_mig_mode_lists_its_instances(look: Any) -> None:
    gpu = look(SimulatedGpu(mig=True, mig_devices=(MigDevice(uuid="MIG-1"), MigDevice(uuid="MIG-2")))).gpu
    assert (gpu.mig_enabled, gpu.mig_uuids) == (True, ("MIG-1", "MIG-2"))


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("fields", "environ", "reason"),
    [
        ({"init_error": DRIVER_NOT_LOADED}, {}, "the NVIDIA driver is not loaded"),
        ({"init_error": UNKNOWN}, {}, "NVML says 'Unknown Error'"),
        ({}, {"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES hides every GPU"),
    ],
)
def test_machine_without_a_usable_gpu_says_none_and_why(
    look: Any, fields: dict[str, Any], environ: dict[str, str], reason: str
) -> None:
    machine = look(SimulatedGpu(), environ=environ, **fields)
    assert (machine.gpu.name, machine.gpu.vram_total_mb, machine.gpu.uuid) == ("none", None, None)
    assert reason in machine.gpu_missing_because


@pytest.mark.simulator
def test_driver_without_cards_is_still_named(look: Any) -> None:
    machine = look()
    assert machine.gpu.name == "none"
    assert machine.cuda.driver_version == "570.86.15"
    assert machine.gpu_missing_because == "the NVIDIA driver shows no GPU"


def test_machine_without_nvidia_driver_is_valid(child_json: ChildJson) -> None:
    without = """
import sys
sys.modules["pynvml"] = None
from llenergymeasure.core.environment import collect_environment_metadata
print(collect_environment_metadata().model_dump_json())
"""
    machine = EnvironmentMetadata.model_validate_json(json.dumps(child_json(without, {})))
    assert (machine.gpu.name, machine.cuda.version, machine.cuda.driver_version) == ("none", "none", "none")
    assert machine.gpus == ()
    assert machine.gpu_missing_because == "the Python binding of NVML is not installed"


def test_throttle_reasons_are_named_and_an_unknown_one_shows_its_bit() -> None:
    assert reason_names(0) == ()
    assert reason_names(0x1 | 0x80 | 0x1000) == ("gpu_idle", "hw_power_brake_slowdown", "0x1000")
