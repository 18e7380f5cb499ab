"""Machines that are not what they seem, as a user meets them: what cannot be measured is told, in the result too."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.launchers.job_folder import EventReader
from tests.simulators.nvml.machine import GPU_IS_LOST, Fault, NvmlMachine, SimulatedGpu
from tests.simulators.powercap import PowercapTree, Zone
from tests.simulators.signals import Constant
from tests.support.simulator_fixtures import NvmlSimulator, PowercapSimulator
from tests.support.standin_runs import bundles_in, wait_for
from tests.support.typed import llem, quick_run

CPU = "50 0 50 2500 0 0 0 0 0 0"
STILL = f"cpu  100 0 100 5000 0 0 0 0 0 0\ncpu0 {CPU}\ncpu1 {CPU}\nbtime 1700000000\n"
GROUPS = Path("/sys/fs/cgroup/cpu")
"""Control groups of version 1."""


def _result(tmp_path: Path) -> dict[str, Any]:
    (bundle,) = bundles_in(tmp_path)
    result: dict[str, Any] = json.loads((bundle / "result.json").read_text())
    return result


def _told(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["code"]: each for each in result["warnings"]}


def _with_mount(mount: str, command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a mount of its own."""
    mounted = ["unshare", "--mount", "bash", "-c", f"mount {mount} || exit 77; exec {shlex.join(command)}"]
    done = subprocess.run(mounted, env=env, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"only root can mount: {done.stderr.strip()}")
    return done


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_processor_time_that_never_moves_is_no_measured_idleness(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    (tmp_path / "stat").write_text(STILL)
    mount = f"--bind {tmp_path / 'stat'} /proc/stat"
    shown = _with_mount(mount, llem(tmp_path, "doctor"), standin_env)
    assert shown.returncode == 0, shown.stderr
    assert "not readable: its source does not advance as time does (/proc/stat" in shown.stdout
    done = _with_mount(mount, llem(tmp_path, *quick_run(tmp_path / "out")), standin_env)
    assert done.returncode == 0, done.stderr
    result = _result(tmp_path)
    assert result["total_energy_j"] is None
    assert result["verdict"] == "invalid"
    assert "/proc/stat" in _told(result)["energy_unknown"]["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_doctor_shows_of_a_full_disk_what_a_run_refuses(tmp_path: Path, standin_env: dict[str, str]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"-t tmpfs -o size=64k none {disk}"
    shown = _with_mount(mount, llem(tmp_path, "doctor", "--output", str(disk)), standin_env)
    refused = _with_mount(mount, llem(tmp_path, *quick_run(disk)), standin_env)
    assert refused.returncode == 3
    assert f"no room for results: 0 MB free at {disk}, this run may take" in refused.stderr
    assert f"✗ {disk}: no room for results: 0 MB free at {disk}, a run with the default" in shown.stdout


@pytest.mark.simulator
def test_sensors_that_a_run_did_without_are_in_its_result(
    tmp_path: Path,
    standin_env: dict[str, str],
    nvml_simulator: NvmlSimulator,
    powercap_simulator: PowercapSimulator,
) -> None:
    dead = SimulatedGpu(uuid="GPU-dead", faults=(Fault(call="all", code=GPU_IS_LOST),))
    still = Zone(name="dram", power=Constant(0.0))
    powercap = powercap_simulator(PowercapTree(zones=(Zone(name="package-0", children=(still,)),)))
    env = nvml_simulator(
        NvmlMachine(gpus=(SimulatedGpu(), dead)),
        LLEM_POWERCAP_DIR=str(powercap.path),
        PYTHONPATH=standin_env["PYTHONPATH"],
    )
    command = llem(tmp_path, *quick_run(tmp_path / "out", window_s=1.0), "--set=energy.meters=[nvml,rapl]")
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    result = _result(tmp_path)
    assert result["total_energy_j"] is not None
    left_out = [each["message"] for each in result["warnings"] if each["code"] == "sensor_left_out"]
    assert any("GPU 1" in each for each in left_out), left_out
    assert any("Memory" in each for each in left_out), left_out
    assert "sensor_left_out" in done.stderr


@contextmanager
def _group_with_a_quota(cpus: float) -> Iterator[Path]:
    """A control group whose processes get that many processors."""
    group = GROUPS / f"llem-test-{os.getpid()}"
    try:
        group.mkdir()
        _set_quota(group, cpus)
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield group
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


def _set_quota(group: Path, cpus: float) -> None:
    (group / "cpu.cfs_quota_us").write_text(str(int(cpus * 100_000)))


def _start(group: Path, *command: str) -> subprocess.Popen[str]:
    def join() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=join)


def _use_up(group: Path, seconds: float) -> None:
    """Let the group have a fifth of a processor for a while, and another process want all of it."""
    other = _start(group, sys.executable, "-c", "while True: pass")
    _set_quota(group, 0.2)
    time.sleep(seconds)
    _set_quota(group, 1.0)
    other.kill()
    other.communicate()


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="the quota is to be below the cores that show")
def test_a_run_under_a_quota_takes_as_many_threads_and_says_what_was_kept_from_it(
    tmp_path: Path, tiny_llama: Path
) -> None:
    typed = [f"--model={tiny_llama}", "--backend=pytorch", "--quiet", "--set=workload.max_input_tokens=64"]
    run = [*quick_run(tmp_path / "out", window_s=2.0), *typed, "--set=workload.max_output_tokens=8"]
    with _group_with_a_quota(1.0) as group:
        process = _start(group, *llem(tmp_path, *run))
        job = wait_for(lambda: next((tmp_path / "out" / "single" / ".jobs").glob("*"), None), 90)
        wait_for(lambda: any(each.phase == "window" for each in EventReader(job).unread()), 90)
        _use_up(group, 1.0)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    result = _result(tmp_path)
    assert result["model_info"]["cpu_threads"] == 1
    assert result["interference"]["hold_ups"][0]["quota_throttled_periods"] > 0
    assert "cpu_quota_throttled" in _told(result)
