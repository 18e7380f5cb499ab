"""OtherLoad are noticed: on the processors, on the cards, in the cards' memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llenergymeasure.core.machine_load import own_processes, read_processor_time
from llenergymeasure.domain.interference import OtherGpuLoad, OtherLoad
from llenergymeasure.exceptions import PreFlightError
from llenergymeasure.harness.interference import refuse_busy_machine
from tests.simulators.nvml.machine import NvmlMachine, Process
from tests.simulators.nvml.profiles import h100
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

LOOK = """
    import json, sys
    from llenergymeasure.core.clock import AnchoredClock
    from llenergymeasure.domain.interference import OtherLoad
    from llenergymeasure.harness.interference import OtherLoadWatch
    empty = OtherLoad.model_validate_json(sys.argv[1]) if len(sys.argv) > 1 else None
    backend = [int(pid) for pid in sys.argv[2:]]
    print(OtherLoadWatch(AnchoredClock(), lambda: backend).look(empty).model_dump_json())
"""


@pytest.mark.simulator
def test_foreign_process_and_taken_memory_are_seen(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    gpu = h100(processes=(Process(pid=4242),), memory_used=20 << 30)
    seen = OtherLoad.model_validate(child_json(LOOK, nvml_simulator(NvmlMachine(gpus=(gpu,)))))
    assert seen.gpus[0].foreign_pids == (4242,)
    (problem,) = seen.gpu_problems()
    assert "pid 4242" in problem
    (problem,) = seen.memory_problems()
    assert "20.0 of 80.0 GiB" in problem


@pytest.mark.simulator
def test_our_own_process_under_a_foreign_number_is_not_a_stranger_but_a_second_one_is(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    empty = OtherLoad(gpus=(OtherGpuLoad(device=h100().uuid, label="GPU 0", foreign_pids=()),))
    alone = nvml_simulator(NvmlMachine(gpus=(h100(processes=(Process(pid=70001),)),)))
    joined = nvml_simulator(NvmlMachine(gpus=(h100(processes=(Process(pid=70001), Process(pid=70002))),)))
    assert child_json(LOOK, alone, empty.model_dump_json())["gpus"][0]["foreign_pids"] == []
    assert child_json(LOOK, joined, empty.model_dump_json())["gpus"][0]["foreign_pids"] == [70002]


@pytest.mark.simulator
def test_processes_of_a_server_that_we_did_not_start_are_not_foreign(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    empty = OtherLoad(gpus=(OtherGpuLoad(device=h100().uuid, label="GPU 0", foreign_pids=(70001, 70002)),))
    machine = NvmlMachine(gpus=(h100(processes=(Process(pid=70001), Process(pid=70002))),))
    seen = child_json(LOOK, nvml_simulator(machine), empty.model_dump_json(), "70001")
    assert seen["gpus"][0]["foreign_pids"] == [70002]


@pytest.mark.simulator
def test_the_memory_of_our_own_processes_is_told_apart(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    empty = OtherLoad(gpus=(OtherGpuLoad(device=h100().uuid, label="GPU 0", foreign_pids=(70001, 70002)),))
    ours, theirs = Process(pid=70001, memory_bytes=3 << 30), Process(pid=70002, memory_bytes=1 << 30)
    machine = NvmlMachine(gpus=(h100(processes=(ours, theirs)),))
    seen = child_json(LOOK, nvml_simulator(machine), empty.model_dump_json(), "70001")
    assert seen["gpus"][0]["own_memory_bytes"] == 3 << 30
    assert seen["host_memory_available_bytes"] > 1 << 20


def test_own_processes_include_those_we_started() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert child.pid in own_processes()
    finally:
        child.communicate()


def test_own_processes_include_those_that_a_thread_of_another_started() -> None:
    source = (
        "import subprocess, sys, threading\n"
        "def start(): children.append(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE))\n"
        "children = []\n"
        "thread = threading.Thread(target=lambda: (start(), print(children[0].pid, flush=True), input()))\n"
        "thread.start(); thread.join(); children[0].communicate()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert {child.pid, int(child.stdout.readline())} <= set(own_processes())
    finally:
        child.communicate("\n")


def test_a_look_at_own_processes_does_not_open_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        pytest.skip("this kernel does not list the children of a process")
    monkeypatch.setattr("psutil.Process", lambda _pid=None: pytest.fail("all processes were looked at"))
    assert os.getpid() in own_processes()


def test_own_work_is_not_foreign() -> None:
    before = read_processor_time(own_processes())
    start_s = time.process_time()
    while time.process_time() - start_s < 0.3:
        pass
    after = read_processor_time(own_processes())
    assert before is not None
    assert after is not None
    assert after.own_s - before.own_s >= 0.25
    assert after.machine_s - before.machine_s >= after.own_s - before.own_s - 0.1


def test_a_run_that_requires_a_quiet_machine_is_refused_with_every_reason_at_once() -> None:
    crowded = OtherLoad(
        foreign_cpu_cores=1.5,
        gpus=(
            OtherGpuLoad(
                device="GPU-1",
                label="GPU 0 (H100)",
                foreign_pids=(7,),
                memory_used_bytes=40 << 30,
                memory_total_bytes=80 << 30,
            ),
        ),
    )
    with pytest.raises(PreFlightError) as refused:
        refuse_busy_machine(crowded)
    assert str(refused.value).count("✗") == 3


def test_a_quiet_machine_is_not_refused() -> None:
    refuse_busy_machine(OtherLoad(foreign_cpu_cores=0.1))


def test_a_machine_that_does_not_tell_its_load_is_not_taken_for_quiet() -> None:
    with pytest.raises(PreFlightError, match="does not report how busy"):
        refuse_busy_machine(OtherLoad())
