"""Processors, memory and operating system as Linux reports them."""

from __future__ import annotations

import logging
import os
import platform
from pathlib import Path

from llenergymeasure.core.container import cpu_limit_cores
from llenergymeasure.core.hardware import CPUEnvironment
from llenergymeasure.core.sysfs import read_number, read_text

logger = logging.getLogger(__name__)
ROOT = Path("/")


def read_cpu(root: Path = ROOT) -> CPUEnvironment:
    """Return the processors of the machine whose /proc and /sys lie under `root`."""
    facts = _first_processor(root)
    return CPUEnvironment(
        platform=platform.platform(),
        model=_model(root, facts),
        architecture=platform.machine() or None,
        physical_cores=_core_count(logical=False),
        logical_cores=_core_count(logical=True),
        usable_cores=_usable_cores(),
        governor=_governor(root),
        turbo_enabled=_turbo_enabled(root),
        max_frequency_mhz=_max_frequency_mhz(root),
        virtual_machine="hypervisor" in facts["flags"].split() if "flags" in facts else None,
    )


def most_threads(root: Path = ROOT) -> int:
    """Return how many threads can work all the time: no more than the cores of the process, or its quota.

    A quota is rounded down: one thread too many uses it up early, and then all stop until the next period.
    """
    cores = _usable_cores() or 1
    quota = cpu_limit_cores(root)
    return cores if quota is None else max(min(cores, int(quota)), 1)


def read_os_name(root: Path = ROOT) -> str | None:
    """Return what the distribution calls itself, "Debian GNU/Linux 12 (bookworm)"."""
    for line in (read_text(root / "etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'") or None
    return platform.system() or None


def read_ram_total_mb() -> float | None:
    """Return the memory of the machine in units of 2^20 bytes."""
    try:
        import psutil

        return round(psutil.virtual_memory().total / 2**20, 1) or None
    except (ImportError, OSError, RuntimeError) as error:
        logger.debug("memory is unknown: %s", error)
        return None


def _first_processor(root: Path) -> dict[str, str]:
    """Read the first block of /proc/cpuinfo only: with hundreds of cores the rest takes long and repeats it."""
    facts: dict[str, str] = {}
    try:
        with (root / "proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    break
                key, _, value = line.partition(":")
                facts[key.strip()] = value.strip()
    except OSError as error:
        logger.debug("no /proc/cpuinfo: %s", error)
    return facts


def _model(root: Path, facts: dict[str, str]) -> str | None:
    return (
        facts.get("model name")
        or read_text(root / "sys/firmware/devicetree/base/model")  # ARM boards have no model name
        or platform.processor()
        or None
    )


def _core_count(*, logical: bool) -> int | None:
    try:
        import psutil

        count: int | None = psutil.cpu_count(logical=logical)
        return count
    except (ImportError, OSError, RuntimeError) as error:
        logger.debug("cores cannot be counted: %s", error)
        return os.cpu_count() if logical else None


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _governor(root: Path) -> str | None:
    policies = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_governor")
    governors = {text for path in policies if (text := read_text(path)) is not None}
    return ", ".join(sorted(governors)) or None


def _turbo_enabled(root: Path) -> bool | None:
    cpu = root / "sys/devices/system/cpu"
    intel_off = read_number(cpu / "intel_pstate/no_turbo")
    if intel_off is not None:
        return intel_off == 0
    boost = read_number(cpu / "cpufreq/boost")
    return None if boost is None else boost == 1


def _max_frequency_mhz(root: Path) -> float | None:
    policies = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/cpuinfo_max_freq")
    frequencies_khz = [value for path in policies if (value := read_number(path)) is not None]
    return max(frequencies_khz) / 1000 or None if frequencies_khz else None
