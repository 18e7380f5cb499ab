"""The simulated NVML library agrees with its Python twin, and its faults happen."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.simulators.nvml import sensors
from tests.simulators.nvml.machine import (
    DRIVER_NOT_LOADED,
    GPU_IS_LOST,
    NOT_SUPPORTED,
    UNKNOWN,
    EnergyCounter,
    Fault,
    MigDevice,
    NvmlMachine,
    PowerSensor,
    Process,
    SimulatedGpu,
    Slow,
    Throttle,
)
from tests.simulators.nvml.profiles import ELEVENTHS, a100, gh200, h100, rtx3090, rtx4090, v100
from tests.simulators.signals import Square, bursts, deviating
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

pytestmark = pytest.mark.simulator

READ = """
    import json, sys, time
    import pynvml

    def attempt(call, *arguments):
        try:
            return call(*arguments)
        except pynvml.NVMLError as error:
            return f"error {error.value}"

    def field(handle, number):
        found = pynvml.nvmlDeviceGetFieldValues(handle, [number])[0]
        return found.value.uiVal if found.nvmlReturn == 0 else f"error {found.nvmlReturn}"

    pynvml.nvmlInit()
    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    rows = []
    for _ in range(int(sys.argv[1])):
        for number, handle in enumerate(handles):
            rows.append({
                "gpu": number,
                "before": time.monotonic_ns(),
                "energy": attempt(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle),
                "usage": attempt(pynvml.nvmlDeviceGetPowerUsage, handle),
                "instant": field(handle, 186),
                "average": field(handle, 185),
                "throttle": attempt(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle),
                "pids": [each.pid for each in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)],
                "after": time.monotonic_ns(),
            })
        time.sleep(float(sys.argv[2]))
    print(json.dumps(rows))
"""


def read(child_json: ChildJson, environment: dict[str, str], rows: int = 1, every_s: float = 0.0) -> Any:
    return child_json(READ, environment, str(rows), str(every_s))


@pytest.mark.parametrize(
    "gpu",
    [
        v100(power=Square(low=80.0, high=420.0, period_s=0.13, phase_s=0.02), gain=1.05),
        a100(power=bursts(60.0, [(0.5 + 0.1 * n, 0.03, 380.0) for n in range(20)]), offset_w=3.0),
        h100(power=Square(low=100.0, high=690.0, period_s=0.4), noise_w=4.0, noise_seed=7),
        gh200(counter=EnergyCounter(period_s=0.1, phase_s=0.033, gain=0.97, resolution_mj=1000.0)),
        h100(counter_wrap_mj=70_000.0, counter_freeze_at_s=0.6, power_freeze_at_s=0.5),
        h100(counter_reset_at_s=0.4),
        rtx3090(power=Square(low=100.0, high=350.0, period_s=0.3), noise_w=1.0, noise_seed=3),
        rtx3090(
            power=Square(low=100.0, high=350.0, period_s=0.7),
            usage=PowerSensor(
                window_s=0.1, period_s=0.1, weights=ELEVENTHS, slow=(Slow(start_s=0.3, end_s=9),)
            ),
            counter=EnergyCounter(slow=(Slow(start_s=0.35, end_s=0.6, period_s=0.1),)),
        ),
        rtx4090(
            usage=PowerSensor(
                window_s=0.05, period_s=0.05, jitter_s=0.01, slow=(Slow(start_s=0.4, end_s=2),)
            ),
            counter=EnergyCounter(jitter_s=0.005),
            noise_w=1.0,
            seen_power=deviating(
                Square(low=90.0, high=400.0, period_s=0.2), until_s=20, seed=4, wander=0.005, bend=0.003
            ),
        ),
    ],
)
def test_the_library_reads_as_its_twin_does(
    gpu: SimulatedGpu, nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    machine = NvmlMachine(gpus=(gpu,))
    for row in read(child_json, nvml_simulator(machine), rows=8, every_s=0.06):
        during = _moments(machine, row)
        assert row["energy"] in {sensors.energy_mj(gpu, t_s) for t_s in during}
        for name in ("usage", "instant", "average"):
            sensor: PowerSensor | None = getattr(gpu, name)
            standing = {sensors.power_mw(gpu, sensor, t_s) for t_s in during} if sensor else None
            assert row[name] in (standing or {f"error {NOT_SUPPORTED}"}), name


def _moments(machine: NvmlMachine, row: dict[str, int]) -> list[float]:
    """Return times within a row's reading, close enough to meet every value that stood then."""
    start_s, end_s = ((row[edge] - machine.origin_monotonic_ns) / 1e9 for edge in ("before", "after"))
    return [*(start_s + 0.002 * step for step in range(int((end_s - start_s) / 0.002) + 1)), end_s]


def test_the_counter_holds_the_true_energy(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> None:
    gpu = h100(power=Square(low=80.0, high=420.0, period_s=0.07), counter=EnergyCounter(period_s=0.001))
    machine = NvmlMachine(gpus=(gpu,))
    first, *_, last = read(child_json, nvml_simulator(machine), rows=11, every_s=0.05)

    def truth(start_ns: int, end_ns: int) -> float:
        return machine.true_energy_j(0, start_ns + machine.unix_offset_ns, end_ns + machine.unix_offset_ns)

    counted = (last["energy"] - first["energy"]) / 1e3
    assert truth(first["after"], last["before"]) - 1 < counted < truth(first["before"], last["after"]) + 1


def test_faults_happen_when_and_as_often_as_asked(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    gpu = h100(
        faults=(Fault(call="energy", code=UNKNOWN, every=2), Fault(call="power", code=0, end_s=1e9)),
        processes=(Process(pid=4242), Process(pid=4243, start_s=1e9)),
        throttle=Throttle(mask=4),
    )
    rows = read(child_json, nvml_simulator(NvmlMachine(gpus=(gpu,))), rows=4)
    assert [row["energy"] == f"error {UNKNOWN}" for row in rows] == [True, False, True, False]
    assert {row["usage"] for row in rows} == {0}
    assert rows[0]["pids"] == [4242]
    assert rows[0]["throttle"] == 4


def test_a_fault_spares_the_first_calls(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> None:
    gpu = h100(faults=(Fault(call="energy", code=UNKNOWN, after_calls=2),))
    rows = read(child_json, nvml_simulator(NvmlMachine(gpus=(gpu,))), rows=4)
    assert [row["energy"] == f"error {UNKNOWN}" for row in rows] == [False, False, True, True]


def test_a_lost_gpu_leaves_the_others_alone(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> None:
    code = """
        import json, time, pynvml
        pynvml.nvmlInit()
        def status(index):
            try:
                return pynvml.nvmlDeviceGetPowerUsage(pynvml.nvmlDeviceGetHandleByIndex(index)) and 0
            except pynvml.NVMLError as error:
                return error.value
        print(json.dumps([status(0), status(1)]))
    """
    lost = h100(uuid="GPU-0a1b2c3d-0000-4000-8000-00000000000b", lost_at_s=0.0)
    assert child_json(code, nvml_simulator(NvmlMachine(gpus=(h100(), lost)))) == [0, GPU_IS_LOST]


CALLS = """
    import json, sys, time
    from concurrent.futures import ThreadPoolExecutor
    import pynvml

    def took_s(index):
        began = time.monotonic()
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handles[index])
        return time.monotonic() - began

    pynvml.nvmlInit()
    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(2)]
    single = [took_s(1) for _ in range(12)]
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(took_s, [1, 1, 1, 1]))
    print(json.dumps([took_s(0), single, time.monotonic() - began]))
"""


@pytest.mark.parametrize("one_at_a_time", [True, False])
def test_calls_of_a_slow_card_take_their_time(
    nvml_simulator: NvmlSimulator, child_json: ChildJson, one_at_a_time: bool
) -> None:
    slow = h100(uuid="GPU-0a1b2c3d-0000-4000-8000-00000000000b", call_s=(0.01, 0.02))
    machine = NvmlMachine(gpus=(h100(), slow), one_call_at_a_time=one_at_a_time)
    quick_s, slow_s, together_s = child_json(CALLS, nvml_simulator(machine))
    assert quick_s < 0.01 <= min(slow_s)
    assert 0.012 < sum(slow_s) / len(slow_s) < 0.025
    assert together_s >= (0.04 if one_at_a_time else 0.02)
    assert len({round(each, 3) for each in slow_s}) > 2


def test_handles_are_found_by_uuid_bus_and_mig(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> None:
    instance = MigDevice(uuid="MIG-11111111-2222-4333-8444-555555555555")
    machine = NvmlMachine(gpus=(a100(mig=True, mig_devices=(instance,), pci_bus=0xCA),))
    code = """
        import json, pynvml as n
        n.nvmlInit()
        card = n.nvmlDeviceGetHandleByPciBusId("00000000:CA:00.0")
        slice_ = n.nvmlDeviceGetHandleByUUID("MIG-11111111-2222-4333-8444-555555555555")
        parent = n.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(slice_)
        version = n.nvmlMemory_v2
        print(json.dumps([
            n.nvmlDeviceGetUUID(card), n.nvmlDeviceGetUUID(parent), n.nvmlDeviceGetMigMode(card),
            n.nvmlDeviceGetMemoryInfo(card).total == n.nvmlDeviceGetMemoryInfo(card, version).total,
            n.nvmlDeviceGetTemperatureV(card, 0), n.nvmlDeviceGetCudaComputeCapability(card),
            n.nvmlDeviceGetPowerManagementLimitConstraints(card), n.nvmlSystemGetCudaDriverVersion(),
        ]))
    """
    uuid = machine.gpus[0].uuid
    assert child_json(code, nvml_simulator(machine)) == [
        uuid, uuid, [1, 1], True, 52, [8, 0], [100_000, 400_000], 12080,
    ]  # fmt: skip


def test_a_machine_may_refuse_to_start(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> None:
    code = """
        import json, pynvml
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            print(json.dumps(error.value))
    """
    machine = NvmlMachine(init_error=DRIVER_NOT_LOADED)
    assert child_json(code, nvml_simulator(machine)) == DRIVER_NOT_LOADED


def test_the_origin_is_now() -> None:
    assert abs(NvmlMachine().seconds(time.time_ns())) < 1.0
