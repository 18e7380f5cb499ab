"""The CodeCarbon meter: the real library on simulated cards and counters; what it only estimates is labelled so."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.domain.sample import SOURCE_STILL
from llenergymeasure.meters.base import MeterOptions
from tests.simulators.nvml.machine import GPU_IS_LOST, Fault, NvmlMachine, SimulatedGpu
from tests.simulators.nvml.profiles import a100, h100
from tests.simulators.powercap import PowercapTree, Zone
from tests.simulators.signals import Constant
from tests.support.peer_meters import FIRST, SECOND, needs, run_meter, with_nvidia_smi
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator, PowercapSimulator

pytestmark = [pytest.mark.simulator, needs("codecarbon")]

CODECARBON = "llenergymeasure.meters.codecarbon.meter:CodeCarbonMeter"


@pytest.fixture
def run_on(nvml_simulator: NvmlSimulator, child_json: ChildJson, tmp_path: Path) -> Any:
    """A function `(cards, reads, options, **environment)` that runs the meter with an `nvidia-smi` on PATH."""

    def run(
        *gpus: SimulatedGpu,
        machine: NvmlMachine | None = None,
        reads: int = 1,
        options: MeterOptions | None = None,
        **variables: str,
    ) -> Any:
        environment = nvml_simulator(machine or NvmlMachine(gpus=gpus), **variables)
        environment = environment if "PATH" in variables else with_nvidia_smi(tmp_path, environment)
        return run_meter(child_json, CODECARBON, environment, reads=reads, options=options)

    return run


def cards(outcome: Any) -> list[str]:
    return [channel["device"] for channel in outcome["channels"] if channel["domain"] == "gpu"]


def test_cards_are_counted_and_processor_and_memory_estimated(run_on: Any) -> None:
    machine = NvmlMachine(
        gpus=(h100(power=Constant(310.0)), a100(uuid=SECOND, pci_bus=0x65, power=Constant(125.0)))
    )
    outcome = run_on(machine=machine, reads=15)
    described = [(channel["domain"], channel["device"], channel["method"]) for channel in outcome["channels"]]
    assert described == [
        ("gpu", FIRST, "counter"),
        ("gpu", SECOND, "counter"),
        ("cpu", "host", "estimated"),
        ("dram", "host", "estimated"),
    ]
    for index in (0, 1):
        first, *_, last = [sample for sample in outcome["samples"] if sample["channel"] == index]
        truth = machine.true_energy_j(index, first["t_unix_ns"], last["t_unix_ns"])
        counter = machine.gpus[index].counter
        assert counter is not None
        tick_j = machine.gpus[index].power.at(0) * (counter.period_s + 0.001)
        assert last["energy_j"] - first["energy_j"] == pytest.approx(truth, abs=tick_j)
        assert math.isnan(last["power_w"])


def test_estimates_name_codecarbon_s_own_model_and_have_its_doubt(run_on: Any) -> None:
    *_, cpu, memory = run_on(h100())["channels"]
    assert cpu["note"].startswith("CodeCarbon's model for the whole machine: ")
    assert cpu["note"].endswith("scaled with the CPU load")
    assert memory["note"].startswith("CodeCarbon's constant of ")
    assert (cpu["relative_error"], memory["relative_error"]) == (0.5, 0.5)


def test_memory_is_a_constant_power_over_time(run_on: Any) -> None:
    samples = [sample for sample in run_on(h100(), reads=8)["samples"] if sample["channel"] == 2]
    first, *_, last = samples
    elapsed_s = (last["t_unix_ns"] - first["t_unix_ns"]) / 1e9
    assert last["energy_j"] - first["energy_j"] == pytest.approx(last["power_w"] * elapsed_s, rel=0.01)


@pytest.mark.parametrize(
    ("visible", "expected"), [(SECOND, [SECOND]), (f"1,{FIRST}", [SECOND, FIRST]), ("", [])]
)
def test_only_visible_cards_are_read(run_on: Any, visible: str, expected: list[str]) -> None:
    outcome = run_on(h100(), h100(uuid=SECOND, pci_bus=0x65), CUDA_VISIBLE_DEVICES=visible)
    assert sorted(cards(outcome)) == sorted(expected)
    assert outcome["status"]["channels"] == len(expected) + 2


def test_a_card_that_is_asked_for_must_be_there(run_on: Any) -> None:
    options = MeterOptions(gpu_uuids=(SECOND,))
    assert cards(run_on(h100(), h100(uuid=SECOND, pci_bus=0x65), options=options)) == [SECOND]
    assert f"there is no GPU {SECOND}" in run_on(h100(), options=options)["failure"]


def test_without_nvidia_smi_the_cards_would_be_left_out_and_that_is_refused(run_on: Any) -> None:
    outcome = run_on(h100(), h100(uuid=SECOND, pci_bus=0x65), PATH="/nowhere")
    status = outcome["status"]
    assert not status["available"]
    assert status["reason"].startswith("CodeCarbon would leave out 2 of 2 NVIDIA GPUs")
    assert "nvidia-smi" in status["remedy"]
    assert status["reason"] in outcome["failure"]


def test_a_cpu_time_that_stands_still_makes_the_model_of_the_cpu_unknown(
    tmp_path: Path, child_json: ChildJson
) -> None:
    for entry in Path("/proc").iterdir():
        if entry.name != "stat" and not entry.name.isdigit():
            (tmp_path / entry.name).symlink_to(entry)
    zero = "cpu  0 0 0 0 0 0 0 0 0 0\n"
    (tmp_path / "stat").write_text(zero + zero.replace("cpu ", "cpu0") + "intr 0\nctxt 0\nbtime 1700000000\n")
    prelude = (
        f"import os, psutil; psutil.PROCFS_PATH = {str(tmp_path)!r}\n"
        f"os.symlink(f'/proc/{{os.getpid()}}', {str(tmp_path)!r} + f'/{{os.getpid()}}')\n"
        "import pynvml; pynvml.nvmlInit = lambda: pynvml._nvmlCheckReturn(12)"
    )
    outcome = run_meter(
        child_json, CODECARBON, {**os.environ, "LD_LIBRARY_PATH": ""}, reads=4, prelude=prelude
    )
    cpu = [sample for sample in outcome["samples"] if sample["channel"] == 0]
    assert {sample["error"] for sample in cpu} == {SOURCE_STILL}
    assert all(math.isnan(sample["energy_j"]) for sample in cpu)
    assert "/proc/stat stands still" in outcome["status"]["readings"][0]
    assert " W" in outcome["status"]["readings"][1]


def test_without_a_gpu_everything_is_an_estimate_and_says_so(child_json: ChildJson) -> None:
    prelude = "import pynvml; pynvml.nvmlInit = lambda: pynvml._nvmlCheckReturn(12)"
    outcome = run_meter(child_json, CODECARBON, {**os.environ, "LD_LIBRARY_PATH": ""}, prelude=prelude)
    assert {channel["method"] for channel in outcome["channels"]} == {"estimated"}
    assert [channel["domain"] for channel in outcome["channels"]] == ["cpu", "dram"]
    assert all(reading.endswith(" W") for reading in outcome["status"]["readings"])


def test_a_card_without_a_counter_is_sampled_and_a_power_of_zero_is_no_reading(run_on: Any) -> None:
    gone = Fault(call="power", code=GPU_IS_LOST, after_calls=12)
    outcome = run_on(h100(counter=None, power=Constant(222.0), faults=(gone,)), reads=12)
    assert outcome["channels"][0]["method"] == "sampled"
    first, *_, last = [sample for sample in outcome["samples"] if sample["channel"] == 0]
    assert (first["power_w"], first["error"]) == (222.0, 0)
    assert math.isnan(last["power_w"])
    assert last["error"] != 0


def test_a_lost_card_stands_still_and_is_not_made_up(run_on: Any) -> None:
    lost = tuple(Fault(call=call, code=GPU_IS_LOST, after_calls=12) for call in ("energy", "power"))
    samples = run_on(h100(faults=lost), h100(uuid=SECOND, pci_bus=0x65), reads=20)["samples"]
    stuck, other = (
        [sample["energy_j"] for sample in samples if sample["channel"] == index] for index in (0, 1)
    )
    assert stuck[-1] == stuck[-5]
    assert other[-1] > other[-5]


def test_rapl_counters_of_packages_make_the_processor_a_measurement(
    powercap_simulator: PowercapSimulator, child_json: ChildJson
) -> None:
    zones = (
        Zone(name="package-0", power=Constant(60.0), children=(Zone(name="dram", power=Constant(9.0)),)),
        Zone(name="package-1", power=Constant(45.0), start_uj=77_000_000),
    )
    tree = powercap_simulator(PowercapTree(zones=zones))
    folder = str(tree.path / "intel-rapl")
    prelude = (
        "import pynvml; pynvml.nvmlInit = lambda: pynvml._nvmlCheckReturn(12)\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()):  # amdsmi prints\n"
        "    from codecarbon.core import cpu; from codecarbon.external import hardware\n"
        f"cpu._get_candidate_bases = lambda rapl_dir: [{str(tree.path)!r}]\n"
        f"hardware.CPU.__init__.__defaults__ = ({folder!r}, *hardware.CPU.__init__.__defaults__[1:])"
    )
    outcome = run_meter(child_json, CODECARBON, reads=12, prelude=prelude)
    cpu = outcome["channels"][0]
    assert (cpu["domain"], cpu["device"], cpu["method"]) == ("cpu", "host", "counter")
    first, *_, last = [sample for sample in outcome["samples"] if sample["channel"] == 0]
    truth = sum(
        tree.true_energy_j(name, first["t_unix_ns"], last["t_unix_ns"]) for name in ("package-0", "package-1")
    )
    assert last["energy_j"] - first["energy_j"] == pytest.approx(truth, rel=0.02)


def test_settings_made_elsewhere_change_no_number(run_on: Any, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".codecarbon.config").write_text("[codecarbon]\nforce_ram_power = 777\npue = 3\n")
    outcome = run_on(h100(), CODECARBON_FORCE_RAM_POWER="555", CODECARBON_FORCE_CPU_POWER="555")
    powers = [sample["power_w"] for sample in outcome["samples"] if sample["channel"] > 0]
    assert all(power < 500 for power in powers)
    assert "555" not in outcome["channels"][1]["note"]


AUDIT = """
    import json, os, sys, tempfile
    os.chdir(sys.argv[1])
    tempfile.gettempdir()  # tries the folder out once, by writing to it
    told = []
    def look(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            written = (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if written and arguments[0] != os.devnull:
                told.append(arguments[0])
        elif event in ("socket.connect", "socket.getaddrinfo", "os.mkdir", "os.rename"):
            told.append(f"{event} {arguments}")
    sys.addaudithook(look)
    import threading, time
    from llenergymeasure.meters.base import MeterOptions
    from llenergymeasure.meters.codecarbon.meter import CodeCarbonMeter
    meter = CodeCarbonMeter()
    meter.open(MeterOptions())
    for _ in range(15):
        meter.read(0)
        time.sleep(0.1)
    threads = threading.active_count()
    meter.close()
    print(json.dumps({"told": told, "threads": threads, "here": os.listdir(), "home": os.listdir(os.environ["HOME"])}))
"""


def test_nothing_is_written_or_sent_and_nothing_runs_on(
    nvml_simulator: NvmlSimulator, child_json: ChildJson, tmp_path: Path
) -> None:
    environment = with_nvidia_smi(tmp_path, nvml_simulator(NvmlMachine(gpus=(h100(),))))
    empty = tmp_path / "empty"
    empty.mkdir()
    outcome = child_json(AUDIT, {**environment, "PYTHONDONTWRITEBYTECODE": "1"}, str(empty))
    assert outcome["told"] == []
    assert outcome["threads"] == 1
    assert (outcome["here"], outcome["home"]) == ([], [])


def test_conforms(nvml_simulator: NvmlSimulator, child_json: ChildJson, tmp_path: Path) -> None:
    environment = with_nvidia_smi(tmp_path, nvml_simulator(NvmlMachine(gpus=(h100(),))))
    code = """
        from llenergymeasure.meters.codecarbon.meter import CodeCarbonMeter
        from llenergymeasure.testing import check_meter
        check_meter(CodeCarbonMeter)
        print("true")
    """
    assert child_json(code, environment) is True
