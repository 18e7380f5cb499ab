"""Who else works on this machine: processor time of other processes, other processes on the GPUs."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llenergymeasure.core.container import memory_left_bytes
from llenergymeasure.core.nvidia import nvml
from llenergymeasure.core.processes.descendants import descendants
from llenergymeasure.core.sysfs import read_text
from llenergymeasure.exceptions import MeterUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ProcessorTime:
    """Processor seconds since some origin: of the whole machine, and of our own processes."""

    machine_s: float
    own_s: float
    counted_s: float
    """Of all processors, busy and idle: it advances by the time that passes on each."""


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """What a card's memory holds, and which processes compute on it (None where the card does not say)."""

    uuid: str
    label: str
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    pids: tuple[int, ...] | None
    memory_by_pid: Mapping[int, int] = field(default_factory=dict)
    """The memory of each process, as far as the driver says; it says it of none in many containers and under MIG."""


def read_processor_time(own: Collection[int]) -> ProcessorTime | None:
    """Return the time used so far by the machine and by the processes `own`; None where the system does not say.

    Busy is everything but idle and waiting for input or output; on a virtual machine, stolen time is not ours to see.
    """
    import psutil

    try:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        own_s = sum(_process_s(pid) for pid in own)
    except OSError as error:
        logger.debug("processor time is unknown: %s", error)
        return None
    counted_s = sum(times) - guests
    return ProcessorTime(machine_s=counted_s - idle, own_s=own_s, counted_s=counted_s)


def read_run_delays(pids: Collection[int]) -> dict[int, tuple[float, float]]:
    """Return seconds on a processor and seconds waiting for one, of each thread of some processes.

    Source: Linux, Documentation/scheduler/sched-stats.rst, `/proc/PID/task/TID/schedstat`. Empty where the kernel does
    not count it.
    """
    delays: dict[int, tuple[float, float]] = {}
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            fields = (read_text(file) or "").split()
            if len(fields) == 3:
                delays[int(file.parent.name)] = (int(fields[0]) / 1e9, int(fields[1]) / 1e9)
    return delays


def available_memory_bytes() -> int | None:
    """Return what programs can still take without swapping, within the limits of their container; None if not known."""
    import psutil

    left = memory_left_bytes()
    try:
        available = int(psutil.virtual_memory().available)
        return available if left is None else min(available, left)
    except (OSError, RuntimeError) as error:
        logger.debug("the memory that is available is unknown: %s", error)
        return None


def own_processes() -> tuple[int, ...]:
    """Return this process, those it started, and the one that started it."""
    import os

    return (os.getppid(), os.getpid(), *descendants(os.getpid()))


def read_gpu_use() -> tuple[GpuUse, ...]:
    """Return the use of every visible GPU; nothing where there is no NVML."""
    try:
        with nvml.session() as pynvml:
            return tuple(_read_use(pynvml, gpu) for gpu in nvml.visible_gpus())
    except MeterUnavailable as error:
        logger.debug("no GPU to look at: %s", error)
        return ()


def _process_s(pid: int) -> float:
    import psutil

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0  # it has ended; what it used shows as the machine's
    return times.user + times.system


def _read_use(pynvml: Any, gpu: nvml.Gpu) -> GpuUse:
    used = total = pids = None
    by_pid: dict[int, int] = {}
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        used, total = int(memory.used), int(memory.total)
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
        pids = tuple(int(process.pid) for process in processes)
        by_pid = {int(each.pid): int(each.usedGpuMemory) for each in processes if each.usedGpuMemory}
    except (nvml.NVMLError, *nvml.FOREIGN) as error:
        logger.debug("%s does not say who uses it: %s", gpu.name, error)
    return GpuUse(
        uuid=gpu.uuid,
        label=f"GPU {gpu.index} ({gpu.name})",
        memory_used_bytes=used,
        memory_total_bytes=total,
        pids=pids,
        memory_by_pid=by_pid,
    )
