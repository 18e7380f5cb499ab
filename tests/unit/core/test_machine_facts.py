"""Processors, operating system and container, read from the kernel's files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from llenergymeasure.core import environment
from llenergymeasure.core.container import memory_left_bytes, read_container
from llenergymeasure.core.cpu import read_cpu, read_os_name, read_ram_total_mb
from llenergymeasure.core.hardware import ContainerEnvironment

CPUINFO = """processor\t: 0
model name\t: AMD EPYC 9654 96-Core Processor
flags\t\t: fpu sse2 {flags}

processor\t: 1
model name\t: another
"""
CPU = "sys/devices/system/cpu"


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_cpu_is_described_from_proc_and_sys(tmp_path: Path) -> None:
    root = _write(
        tmp_path,
        {
            "proc/cpuinfo": CPUINFO.format(flags="avx2"),
            f"{CPU}/cpufreq/policy0/scaling_governor": "performance\n",
            f"{CPU}/cpufreq/policy0/cpuinfo_max_freq": "3700000\n",
            f"{CPU}/cpufreq/policy1/scaling_governor": "performance\n",
            f"{CPU}/cpufreq/boost": "1\n",
        },
    )
    cpu = read_cpu(root)
    assert cpu.model == "AMD EPYC 9654 96-Core Processor"
    assert cpu.governor == "performance"
    assert cpu.turbo_enabled is True
    assert cpu.max_frequency_mhz == 3700
    assert cpu.virtual_machine is False
    assert cpu.platform


def test_cores_with_different_governors_are_all_named(tmp_path: Path) -> None:
    names = ("powersave", "performance", "powersave")
    files = {f"{CPU}/cpufreq/policy{i}/scaling_governor": name for i, name in enumerate(names)}
    assert read_cpu(_write(tmp_path, files)).governor == "performance, powersave"


def test_turbo_of_intel_is_the_opposite_of_no_turbo(tmp_path: Path) -> None:
    assert read_cpu(_write(tmp_path, {f"{CPU}/intel_pstate/no_turbo": "1"})).turbo_enabled is False
    assert read_cpu(_write(tmp_path, {f"{CPU}/intel_pstate/no_turbo": "0"})).turbo_enabled is True


def test_hypervisor_shows_as_virtual_machine(tmp_path: Path) -> None:
    root = _write(tmp_path, {"proc/cpuinfo": CPUINFO.format(flags="hypervisor")})
    assert read_cpu(root).virtual_machine is True


def test_arm_board_is_named_by_its_device_tree(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": "processor : 0\nBogoMIPS : 50\n",
        "sys/firmware/devicetree/base/model": "Board 5\0",
    }
    assert read_cpu(_write(tmp_path, files)).model == "Board 5"


def test_machine_that_tells_nothing_gives_none_and_no_zero(tmp_path: Path) -> None:
    cpu = read_cpu(tmp_path)
    assert cpu.governor is None
    assert cpu.turbo_enabled is None
    assert cpu.max_frequency_mhz is None
    assert cpu.virtual_machine is None
    assert read_container(tmp_path, {}) == ContainerEnvironment()


def test_os_and_memory_of_this_machine_are_known(tmp_path: Path) -> None:
    root = _write(tmp_path, {"etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n'})
    assert read_os_name(root) == "Debian GNU/Linux 12"
    assert (read_ram_total_mb() or 0) > 100


@pytest.mark.parametrize(
    ("files", "environ", "runtime"),
    [
        ({".dockerenv": ""}, {}, "docker"),
        ({"run/.containerenv": ""}, {}, "podman"),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({}, {"APPTAINER_CONTAINER": "/images/llm.sif"}, "apptainer"),
        ({}, {"container": "systemd-nspawn"}, "systemd-nspawn"),
        ({"proc/1/cgroup": "0::/kubepods/besteffort/pod1"}, {}, "kubernetes"),
        ({"proc/1/cgroup": "0::/"}, {}, None),
    ],
)
def test_container_runtime_is_told_by_its_marks(
    tmp_path: Path, files: dict[str, str], environ: dict[str, str], runtime: str | None
) -> None:
    assert read_container(_write(tmp_path, files), environ).runtime == runtime


def test_podman_names_its_image(tmp_path: Path) -> None:
    root = _write(tmp_path, {"run/.containerenv": 'engine="podman-4"\nimage="acme/llm:1"\nimageid="0123"\n'})
    container = read_container(root, {})
    assert (container.image, container.image_id) == ("acme/llm:1", "0123")


def test_limits_of_the_control_group_are_read_in_version_2(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/jobs/7\n",
        "sys/fs/cgroup/jobs/7/cpu.max": "250000 100000\n",
        "sys/fs/cgroup/jobs/7/memory.max": "8589934592\n",
    }
    container = read_container(_write(tmp_path, files), {})
    assert (container.cpu_limit_cores, container.memory_limit_mb) == (2.5, 8192)


def test_limits_of_the_control_group_are_read_in_version_1(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
    }
    container = read_container(_write(tmp_path, files), {})
    assert (container.cpu_limit_cores, container.memory_limit_mb) == (1.5, 1024)


def test_control_group_without_limits_has_none(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/\n3:cpu:/\n0::/\n",
        "sys/fs/cgroup/cpu.max": "max 100000\n",
        "sys/fs/cgroup/memory.max": "max\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    container = read_container(_write(tmp_path, files), {})
    assert (container.cpu_limit_cores, container.memory_limit_mb) == (None, None)


def test_machine_is_looked_at_in_no_time() -> None:
    environment.collect_environment_metadata()
    start = time.perf_counter()
    hardware = environment.collect_environment_metadata()
    assert time.perf_counter() - start < 1.0
    assert hardware.collected_at.tzinfo is not None
    assert type(hardware).model_validate_json(hardware.model_dump_json()) == hardware


def test_the_tightest_memory_limit_around_the_process_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/jobs/7\n",
        "sys/fs/cgroup/jobs/memory.max": "4294967296\n",
        "sys/fs/cgroup/jobs/7/memory.max": "8589934592\n",
    }
    assert read_container(_write(tmp_path, files), {}).memory_limit_mb == 4096


def test_memory_that_is_left_is_that_of_the_tightest_group_with_unused_pages_of_files(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/jobs/7\n",
        "sys/fs/cgroup/jobs/memory.max": "4000\n",
        "sys/fs/cgroup/jobs/memory.current": "3500\n",
        "sys/fs/cgroup/jobs/memory.stat": "anon 3000\ninactive_file 400\n",
        "sys/fs/cgroup/jobs/7/memory.max": "8000\n",
        "sys/fs/cgroup/jobs/7/memory.current": "3000\n",
        "sys/fs/cgroup/memory.max": "max\n",
    }
    assert memory_left_bytes(_write(tmp_path, files)) == 900


def test_memory_that_is_left_is_read_in_version_1_and_unknown_without_a_limit(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/docker/x\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "700\n",
        "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 50\n",
    }
    assert memory_left_bytes(_write(tmp_path, files)) == 350
    assert memory_left_bytes(tmp_path / "nowhere") is None
