"""The Zeus meter: the real library on simulated cards, counters and chips."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.meters.base import MeterOptions
from tests.simulators.nvml.machine import (
    GPU_IS_LOST,
    NO_DATA,
    UNKNOWN,
    Fault,
    MigDevice,
    NvmlMachine,
    SimulatedGpu,
)
from tests.simulators.nvml.profiles import a100, h100, v100
from tests.simulators.powercap import PowercapTree, Zone, build_tree
from tests.simulators.signals import Constant
from tests.support.peer_meters import FIRST, SECOND, needs, run_meter
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator, PowercapSimulator

ZEUS = "llenergymeasure.meters.zeus.meter:ZeusMeter"
SLICE = MigDevice(uuid="MIG-3b9e1f52-64c0-5d7a-9a1b-0c2d3e4f5a6b")
pytestmark = [pytest.mark.simulator, needs("zeus")]


@pytest.fixture
def run_on(nvml_simulator: NvmlSimulator, child_json: ChildJson, tmp_path: Path) -> Any:
    """A function `(cards, reads, options, **environment)` that runs the meter on a machine without RAPL."""

    def run(
        *gpus: SimulatedGpu,
        machine: NvmlMachine | None = None,
        reads: int = 1,
        options: MeterOptions | None = None,
        **variables: str,
    ) -> Any:
        variables.setdefault("LLEM_POWERCAP_DIR", str(tmp_path / "no-powercap"))
        environment = nvml_simulator(machine or NvmlMachine(gpus=gpus), **variables)
        return run_meter(child_json, ZEUS, environment, reads=reads, options=options)

    return run


def devices(outcome: Any) -> list[str]:
    return [channel["device"] for channel in outcome["channels"]]


def test_each_card_gives_its_counter_and_its_power(run_on: Any) -> None:
    machine = NvmlMachine(
        gpus=(
            h100(power=Constant(310.0)),
            h100(uuid=SECOND, pci_bus=0x65, power=Constant(125.0)),
        )
    )
    outcome = run_on(machine=machine, reads=30)
    assert devices(outcome) == [FIRST, SECOND]
    assert [channel["method"] for channel in outcome["channels"]] == ["counter", "counter"]
    for index in (0, 1):
        first, *_, last = [sample for sample in outcome["samples"] if sample["channel"] == index]
        truth = machine.true_energy_j(index, first["t_unix_ns"], last["t_unix_ns"])
        tick_j = machine.gpus[index].power.at(0) * 0.021
        assert last["energy_j"] - first["energy_j"] == pytest.approx(truth, abs=tick_j)
        assert last["power_w"] == machine.gpus[index].power.at(0)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (SECOND, [SECOND]),
        ("GPU-0b9d", [SECOND]),
        (f"{SECOND},{FIRST}", [SECOND, FIRST]),
        (f"1,{FIRST}", [SECOND, FIRST]),
        ("1", [SECOND]),
    ],
)
def test_every_form_of_cuda_visible_devices_names_the_right_card(
    run_on: Any, visible: str, expected: list[str]
) -> None:
    cards = (h100(power=Constant(310.0)), h100(uuid=SECOND, pci_bus=0x65, power=Constant(125.0)))
    outcome = run_on(*cards, CUDA_VISIBLE_DEVICES=visible)
    assert devices(outcome) == expected
    truth = {FIRST: 310.0, SECOND: 125.0}
    assert [sample["power_w"] for sample in outcome["samples"]] == [truth[uuid] for uuid in expected]


def test_a_mig_slice_is_metered_as_its_whole_card_and_says_so(run_on: Any) -> None:
    card = a100(mig=True, mig_devices=(SLICE,))
    (channel,) = run_on(card, CUDA_VISIBLE_DEVICES=SLICE.uuid)["channels"]
    assert channel["device"] == FIRST
    assert "whole card" in channel["note"]


def test_cards_that_are_asked_for_need_not_be_visible_but_must_be_there(run_on: Any) -> None:
    options = MeterOptions(gpu_uuids=(SECOND,))
    cards = (h100(), h100(uuid=SECOND, pci_bus=0x65))
    assert devices(run_on(*cards, options=options, CUDA_VISIBLE_DEVICES="0")) == [SECOND]
    assert f"there is no GPU {SECOND}" in run_on(h100(), options=options)["failure"]


def test_a_card_without_a_counter_is_sampled(run_on: Any) -> None:
    outcome = run_on(h100(counter=None, power=Constant(222.0)))
    (channel,) = outcome["channels"]
    assert channel["method"] == "sampled"
    assert channel["note"].startswith("no energy counter: integrated from power readings")
    (sample,) = outcome["samples"]
    assert sample["power_w"] == 222.0
    assert math.isnan(sample["energy_j"])


def test_a_card_that_zeus_cannot_read_is_left_out_and_the_others_are_read(run_on: Any) -> None:
    dumb = v100(uuid=SECOND, pci_bus=0x65, counter=None)
    outcome = run_on(h100(), dumb, CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert devices(outcome) == [FIRST]
    (left_out,) = outcome["status"]["left_out"]
    assert (left_out["device"], left_out["ordinal"]) == (SECOND, 1)
    assert left_out["reason"] == "Zeus reads neither energy nor power of GPU 1 (Tesla V100-SXM2-32GB)"
    named = run_on(h100(), dumb, options=MeterOptions(gpu_uuids=(FIRST, SECOND)))
    assert left_out["reason"] in named["failure"]
    alone = run_on(dumb)["status"]
    assert not alone["available"]
    assert "Zeus reads neither energy nor power of GPU 0" in alone["reason"]


def test_cards_that_cannot_be_read_are_named_beside_counters_that_can(run_on: Any, tmp_path: Path) -> None:
    build_tree(PowercapTree(zones=(Zone(name="package-0"),)), tmp_path)
    outcome = run_on(v100(counter=None), LLEM_POWERCAP_DIR=str(tmp_path / "class" / "powercap"))
    assert devices(outcome) == ["package-0"]
    assert [each["device"] for each in outcome["status"]["left_out"]] == [FIRST]


def test_a_package_that_zeus_cannot_open_is_left_out_and_the_others_are_read(
    run_on: Any, tmp_path: Path
) -> None:
    build_tree(PowercapTree(zones=(Zone(name="package-0"), Zone(name="package-1"))), tmp_path)
    root = tmp_path / "class" / "powercap"
    (root / "intel-rapl:1" / "energy_uj").unlink()
    outcome = run_on(h100(), LLEM_POWERCAP_DIR=str(root))
    assert devices(outcome) == [FIRST, "package-0"]
    assert [each["device"] for each in outcome["status"]["left_out"]] == ["package-1"]


def test_a_read_that_fails_is_a_sample_with_the_code(run_on: Any) -> None:
    every_third = Fault(call="energy", code=UNKNOWN, every=3)
    samples = run_on(h100(faults=(every_third,)), reads=9)["samples"]
    failed = [sample for sample in samples if sample["error"]]
    assert {sample["error"] for sample in failed} == {UNKNOWN}
    assert all(math.isnan(sample["energy_j"]) for sample in failed)
    assert len(failed) == 3


def test_a_lost_card_keeps_saying_so(run_on: Any) -> None:
    lost = Fault(call="energy", code=GPU_IS_LOST, after_calls=10)
    samples = run_on(h100(faults=(lost,)), reads=15)["samples"]
    assert samples[0]["error"] == 0
    assert samples[-1]["error"] == GPU_IS_LOST


def test_blank_readings_are_errors_and_never_zero(run_on: Any) -> None:
    blank = Fault(call="energy", code=0, every=2)
    samples = run_on(h100(faults=(blank,)), reads=6)["samples"]
    assert {sample["error"] for sample in samples} == {0, NO_DATA}
    assert 0.0 not in [sample["energy_j"] for sample in samples]


def test_probe_shows_a_live_reading_of_each_card(run_on: Any) -> None:
    cards = (h100(power=Constant(61.25)), v100(uuid=SECOND, pci_bus=0x65))
    status = run_on(*cards)["status"]
    assert status["readings"][0] == "61.2 W"
    assert " J in 0.1" in status["readings"][1]


def test_hidden_cards_and_no_counters_leave_nothing_and_it_says_why(run_on: Any) -> None:
    status = run_on(h100(), CUDA_VISIBLE_DEVICES="")["status"]
    assert not status["available"]
    assert "CUDA_VISIBLE_DEVICES='' hides all 1 GPUs" in status["reason"]
    assert "no energy counters" in status["reason"]
    assert status["remedy"] == "unset CUDA_VISIBLE_DEVICES"


def test_conforms(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> None:
    environment = nvml_simulator(NvmlMachine(gpus=(h100(), v100(uuid=SECOND, pci_bus=0x65))))
    code = """
        from llenergymeasure.meters.zeus.meter import ZeusMeter
        from llenergymeasure.testing import check_meter
        check_meter(ZeusMeter)
        print("true")
    """
    assert child_json(code, environment) is True


def test_packages_and_memory_are_counted_and_psys_is_not(
    powercap_simulator: PowercapSimulator, child_json: ChildJson
) -> None:
    zones = (
        Zone(name="package-0", power=Constant(60.0), children=(Zone(name="core"), Zone(name="dram"))),
        Zone(name="package-1", power=Constant(45.0), start_uj=77_000_000),
        Zone(name="psys", power=Constant(150.0)),
    )
    tree = powercap_simulator(PowercapTree(zones=zones))
    outcome = run_meter(child_json, ZEUS, {**os.environ, "LLEM_POWERCAP_DIR": str(tree.path)}, reads=40)
    counted = {channel["device"]: channel["included_in_total"] for channel in outcome["channels"]}
    assert counted == {"package-0": True, "package-0/dram": True, "package-1": True, "psys": False}
    for index, name in enumerate(counted):
        first, *_, last = [sample for sample in outcome["samples"] if sample["channel"] == index]
        truth = tree.true_energy_j(name, first["t_unix_ns"], last["t_unix_ns"])
        assert last["energy_j"] - first["energy_j"] == pytest.approx(truth, rel=0.02)
    assert outcome["channels"][0]["meter"] == "zeus"


def test_counters_are_read_without_a_process_beside_each(tmp_path: Path, child_json: ChildJson) -> None:
    build_tree(PowercapTree(), tmp_path)
    code = """
        import json, psutil
        from llenergymeasure.meters.base import MeterOptions
        from llenergymeasure.meters.zeus.meter import ZeusMeter
        meter = ZeusMeter()
        meter.open(MeterOptions())
        samples = meter.read(0)
        print(json.dumps([len(samples), len(psutil.Process().children(recursive=True))]))
    """
    environment = {**os.environ, "LLEM_POWERCAP_DIR": str(tmp_path / "class" / "powercap")}
    assert child_json(code, environment) == [1, 0]


def test_a_machine_without_any_sensor_gives_reason_and_remedy(child_json: ChildJson, tmp_path: Path) -> None:
    environment = {**os.environ, "LLEM_POWERCAP_DIR": str(tmp_path), "LD_LIBRARY_PATH": ""}
    prelude = "import pynvml; pynvml.nvmlInit = lambda: pynvml._nvmlCheckReturn(9)  # no driver"
    outcome = run_meter(child_json, ZEUS, environment, prelude=prelude)
    start = "Zeus finds no device it can read: the NVIDIA driver is not loaded; "
    reasons = f"the kernel shows no energy counters in {tmp_path}; no Apple or Jetson chip"
    assert outcome["status"]["reason"] == start + reasons
    assert outcome["status"]["remedy"] == "sudo modprobe nvidia"
    assert outcome["channels"] == []
    assert outcome["failure"].startswith("Zeus finds no device it can read")


AMDSMI = """
import types
class AmdSmiException(Exception): pass
class AmdSmiLibraryException(AmdSmiException):
    def get_error_code(self): return 2
    def get_error_info(self): return "not supported"
class AmdSmiInitFlags: INIT_AMD_GPUS = 2
READS = {}
def amdsmi_init(flags=None): pass
def amdsmi_shut_down(): pass
def amdsmi_get_processor_handles(): return ["first", "second"]
def amdsmi_get_gpu_enumeration_info(handle): return {"hip_id": {"first": 1, "second": 0}[handle]}
def amdsmi_get_gpu_device_uuid(handle): return f"amd-{handle}"
def amdsmi_get_gpu_asic_info(handle): return {"market_name": "AMD Instinct MI300X"}
def amdsmi_get_power_info(handle):
    return {"current_socket_power": 500, "average_socket_power": "N/A"}
def amdsmi_get_energy_count(handle):
    import time
    watts = {"first": 500, "second": 3}[handle]  # the second's counter is broken: far from its 500 W
    return {"energy_accumulator": int(time.monotonic() * watts * 1e6 / 15.3), "counter_resolution": 15.3}
"""


def test_amd_cards_are_read_by_hip_number_and_a_counter_that_zeus_distrusts_is_not_used(
    tmp_path: Path, child_json: ChildJson
) -> None:
    outcome = _on_amd(AMDSMI, tmp_path, child_json)
    found = {channel["device"]: channel for channel in outcome["channels"]}
    assert list(found) == ["amd-second", "amd-first"]
    assert [channel["method"] for channel in found.values()] == ["sampled", "counter"]
    assert found["amd-first"]["label"] == "GPU 1 (AMD Instinct MI300X)"
    first, *_, last = [sample for sample in outcome["samples"] if sample["channel"] == 1]
    elapsed_s = (last["t_unix_ns"] - first["t_unix_ns"]) / 1e9
    assert last["energy_j"] - first["energy_j"] == pytest.approx(500 * elapsed_s, rel=0.05)
    assert {sample["power_w"] for sample in outcome["samples"]} == {500.0}


def test_an_amd_card_that_cannot_be_read_is_left_out_and_the_other_is_read(
    tmp_path: Path, child_json: ChildJson
) -> None:
    lost = """
def amdsmi_get_gpu_device_uuid(handle):
    if handle == "first": raise AmdSmiLibraryException("it fell off the bus")
    return f"amd-{handle}"
"""
    outcome = _on_amd(AMDSMI + lost, tmp_path, child_json)
    assert devices(outcome) == ["amd-second"]
    (left_out,) = outcome["status"]["left_out"]
    assert (left_out["label"], left_out["ordinal"]) == ("GPU 1", 1)
    assert "it fell off the bus" in left_out["reason"]


def _on_amd(library: str, tmp_path: Path, child_json: ChildJson) -> Any:
    (tmp_path / "amdsmi.py").write_text(library)
    prelude = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import pynvml; pynvml.nvmlInit = lambda: pynvml._nvmlCheckReturn(12)\n"
        "from pathlib import Path; from llenergymeasure.meters.zeus import devices as zeus_devices\n"
        f"zeus_devices.AMD_DRIVER = Path({str(tmp_path)!r})"
    )
    environment = {**os.environ, "LLEM_POWERCAP_DIR": str(tmp_path)}
    return run_meter(child_json, ZEUS, environment, reads=10, prelude=prelude)


def test_a_jetson_counts_its_module_and_records_what_that_contains(
    tmp_path: Path, child_json: ChildJson
) -> None:
    rails = tmp_path / "ina3221" / "1-0040" / "hwmon0"
    rails.mkdir(parents=True)
    for number, (label, milliwatts) in enumerate((("VDD_IN", 9000), ("VDD_CPU_CV", 2500)), start=1):
        (rails / f"in{number}_label").write_text(label)
        (rails / f"power{number}_input").write_text(str(milliwatts))
    prelude = (
        "import pathlib; from zeus.device.soc import jetson\n"
        f"jetson.Path = lambda name: pathlib.Path(str(name).replace('/sys/bus/i2c/drivers', {str(tmp_path)!r}))\n"
        "jetson.jetson_is_available = lambda: True\n"
        "import pynvml; pynvml.nvmlInit = lambda: pynvml._nvmlCheckReturn(12)"
    )
    environment = {**os.environ, "LLEM_POWERCAP_DIR": str(tmp_path)}
    outcome = run_meter(child_json, ZEUS, environment, reads=100, prelude=prelude)
    module, cpu = outcome["channels"]
    assert (module["domain"], module["included_in_total"], cpu["domain"], cpu["included_in_total"]) == (
        "system",
        True,
        "cpu",
        False,
    )
    assert cpu["note"].startswith("contained in the module's total")
    first, *_, last = [sample for sample in outcome["samples"] if sample["channel"] == 0]
    elapsed_s = (last["t_unix_ns"] - first["t_unix_ns"]) / 1e9
    assert last["energy_j"] - first["energy_j"] == pytest.approx(9 * elapsed_s, rel=0.15)


APPLE = """
import time
class AppleEnergyMonitor:
    def get_cumulative_energy(self):
        from types import SimpleNamespace
        names = ["cpu_total_mj", "efficiency_cores_mj", "performance_cores_mj", "efficiency_cluster_mj"]
        names += ["performance_cluster_mj", "efficiency_core_manager_mj", "performance_core_manager_mj"]
        names += ["dram_mj", "gpu_mj", "gpu_sram_mj", "ane_mj"]
        return SimpleNamespace(**{**dict.fromkeys(names), "cpu_total_mj": int(time.monotonic() * 4000), "gpu_mj": 7})
"""


def test_an_apple_chip_gives_the_parts_it_knows(tmp_path: Path, child_json: ChildJson) -> None:
    (tmp_path / "zeus_apple_silicon.py").write_text(APPLE)
    prelude = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from zeus.device.soc import apple; apple.apple_silicon_is_available = lambda: True\n"
        "import pynvml; pynvml.nvmlInit = lambda: pynvml._nvmlCheckReturn(12)"
    )
    environment = {**os.environ, "LLEM_POWERCAP_DIR": str(tmp_path)}
    outcome = run_meter(child_json, ZEUS, environment, reads=40, prelude=prelude)
    assert [(channel["domain"], channel["device"]) for channel in outcome["channels"]] == [
        ("cpu", "soc/cpu"),
        ("gpu", "soc/gpu"),
    ]
    cpu = [sample for sample in outcome["samples"] if sample["channel"] == 0]
    elapsed_s = (cpu[-1]["t_unix_ns"] - cpu[0]["t_unix_ns"]) / 1e9
    assert cpu[-1]["energy_j"] - cpu[0]["energy_j"] == pytest.approx(4 * elapsed_s, rel=0.05)
    assert len(cpu) == 8  # every fifth turn
