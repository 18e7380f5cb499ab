"""The devices that Zeus sees on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from llenergymeasure.core.nvidia import nvml
from llenergymeasure.core.nvidia.nvml import Gpu
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, LeftOut, Scope
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.foreign_code import explained
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.gpu_choice import (
    ERROR_IN_COMMON,
    RELATIVE_ERROR,
    choose_gpus,
    gpu_channel,
    gpu_label,
    left_out_gpu,
)
from llenergymeasure.meters.rapl.counters import open_counter, read_counter
from llenergymeasure.meters.rapl.zones import (
    FoundZones,
    find_zones,
    powercap_root,
    to_channel,
    to_zones,
)
from llenergymeasure.meters.zeus.gpu import ZeusGpu
from llenergymeasure.meters.zeus.soc import open_soc
from llenergymeasure.meters.zeus.source import Absent, Source

AMD_DRIVER = Path("/dev/kfd")


def open_sources(options: MeterOptions, stack: ExitStack) -> tuple[Source, ...]:
    """Open all that there is; `stack` closes it.

    Raises:
        MeterUnavailable: there is nothing, or a GPU of the run cannot be read.
        ImportError: no Zeus, or not the one that is needed.
    """
    sources: list[Source] = []
    absent: list[Absent] = []
    for open_kind in (_open_gpus, _open_cpus, open_soc):
        opened = open_kind(options, stack)
        if isinstance(opened, Absent):
            absent.append(opened)
        else:
            sources += opened
    if not sources:
        remedy = next((kind.remedy for kind in absent if kind.remedy), None)
        reasons = "; ".join(kind.reason for kind in absent)
        raise MeterUnavailable(f"Zeus finds no device it can read: {reasons}", remedy)
    unread = tuple(sensor for kind in absent for sensor in kind.left_out)
    return (replace(sources[0], left_out=(*unread, *sources[0].left_out)), *sources[1:])


def _open_gpus(options: MeterOptions, stack: ExitStack) -> list[Source] | Absent:
    """NVIDIA before AMD, as Zeus does; it never reads both."""
    try:
        stack.enter_context(nvml.session())
        chosen = choose_gpus(options, "zeus")
    except MeterUnavailable as error:
        if options.gpu_uuids is not None:
            raise
        if AMD_DRIVER.exists():
            return _open_amd()
        return Absent(reason=error.reason, remedy=error.remedy)
    opened = [_nvidia(gpu, chosen.caveat) for gpu in chosen.gpus]
    unread = [each for each in opened if isinstance(each, LeftOut)]
    if unread and options.gpu_uuids is not None:
        raise MeterUnavailable(unread[0].reason, unread[0].remedy)
    return _readable(opened, chosen.left_out)


def _readable(opened: Sequence[Source | LeftOut], also: Sequence[LeftOut] = ()) -> list[Source] | Absent:
    """Return the cards that can be read, the first with those that cannot."""
    sources = [each for each in opened if isinstance(each, Source)]
    left_out = (*also, *(each for each in opened if isinstance(each, LeftOut)))
    if not sources and left_out:
        return Absent(reason=left_out[0].reason, remedy=left_out[0].remedy, left_out=left_out)
    return [replace(sources[0], left_out=left_out), *sources[1:]] if sources else []


def _nvidia(gpu: Gpu, caveat: str | None) -> Source | LeftOut:
    from zeus.device.gpu.nvidia import NVIDIAGPU

    try:
        with explained(lambda cause: MeterUnavailable(f"Zeus cannot open {gpu_label(gpu)}: {cause}")):
            device = NVIDIAGPU(gpu.index)
            is_module = device._is_grace_hopper
            note = "Grace Hopper: power is of the whole module, CPU included" if is_module else None
            scope: Scope = "module" if is_module else "device"
            return _gpu_source(
                device, lambda counter: gpu_channel("zeus", gpu, counter, note, caveat, scope=scope)
            )
    except MeterUnavailable as error:
        return left_out_gpu("zeus", gpu, error.reason)


def _open_amd() -> list[Source] | Absent:
    """Every GPU that HIP_VISIBLE_DEVICES lets through; Zeus compares each counter with the power for half a second."""
    from zeus.device.exception import ZeusBaseGPUError
    from zeus.device.gpu.amd import AMDGPUs, amdsmi_is_available

    if not amdsmi_is_available():
        return Absent(
            reason="the library of AMD's driver did not load", remedy="sudo apt install amd-smi-lib"
        )
    try:
        devices = AMDGPUs().gpus
    except (ZeusBaseGPUError, ValueError) as error:
        raise MeterUnavailable(f"Zeus cannot open the AMD GPUs: {error}") from None
    # the second half of a dual-die card draws its power under the name of the first
    whole = [device for device in devices if not device._is_dual_die_odd_chiplet]
    return _readable([_amd(device) for device in whole])


def _amd(device: Any) -> Source | LeftOut:
    label = f"GPU {device.gpu_index}"
    try:
        with explained(lambda cause: MeterUnavailable(f"Zeus cannot read {label}: {cause}")):
            return _gpu_source(device, partial(_amd_channel, device))
    except MeterUnavailable as error:
        return LeftOut(
            meter="zeus",
            domain="gpu",
            device=f"amd-{device.gpu_index}",
            label=label,
            reason=error.reason,
            remedy=error.remedy,
            ordinal=device.gpu_index,
        )


def _amd_channel(device: Any, has_counter: bool) -> Channel:
    import amdsmi

    return Channel(
        meter="zeus",
        domain="gpu",
        device=amdsmi.amdsmi_get_gpu_device_uuid(device.handle),
        label=f"GPU {device.gpu_index} ({device.get_name()})",
        method="counter" if has_counter else "sampled",
        relative_error=RELATIVE_ERROR,
        error_in_common=ERROR_IN_COMMON,
        note=None if has_counter else "no energy counter: integrated from power readings",
    )


def _gpu_source(device: Any, channel: Callable[[bool], Channel]) -> Source:
    gpu = ZeusGpu(device)
    described = channel(gpu.has_counter)
    if not gpu.is_readable:
        raise MeterUnavailable(
            f"Zeus reads neither energy nor power of {described.label}",
            "leave it out with CUDA_VISIBLE_DEVICES, or set energy.meters to auto",
        )
    return Source(channels=(described,), read=gpu.read)


def _open_cpus(options: MeterOptions, stack: ExitStack) -> list[Source] | Absent:
    """Read the zones that Zeus finds, but directly.

    Beside each file that it reads itself, Zeus starts a process; that one notices a wrap up to a second late.
    """
    try:
        found = _cpu_zones()
        zones = found.readable
        counters = [open_counter(zone, stack) for zone in zones]
    except MeterUnavailable as error:
        return Absent(reason=error.reason, remedy=error.remedy)
    except OSError as error:
        return Absent(reason=f"the energy counters cannot be read: {error}")

    def read(offset_ns: int) -> list[Sample]:
        return [read_counter(index, counter, offset_ns) for index, counter in enumerate(counters)]

    channels = tuple(to_channel(zone, "zeus") for zone in zones)
    return [Source(channels=channels, read=read, left_out=found.of_meter("zeus"))]


def _cpu_zones() -> FoundZones:
    from zeus.device.cpu.rapl import CONTAINER_RAPL_DIR, RAPLCPU
    from zeus.device.exception import ZeusBaseCPUError

    root, mounted = powercap_root(), Path(CONTAINER_RAPL_DIR)
    if mounted.exists() and not (root / mounted.name).exists():
        root = mounted.parent
    there = find_zones(root)  # raises with the reason and the remedy where there is nothing to read
    tree = root / mounted.name
    cpus: list[Any] = []
    faults: list[Exception] = []
    for folder in tree.glob("intel-rapl:*"):
        try:
            cpus.append(RAPLCPU(int(folder.name.rpartition(":")[2]), str(tree)))
        except (ZeusBaseCPUError, OSError, ValueError) as error:  # noqa: PERF203 - a few
            faults.append(error)
    if not cpus:
        raise MeterUnavailable(f"Zeus cannot read the energy counters: {faults[0]}")
    files = [file for cpu in cpus for file in (cpu.rapl_file, cpu.dram) if file is not None]
    found = to_zones(root, sorted(Path(file.path) for file in files))
    left_out = {each.device: each for each in (*found.left_out, *there.left_out)}
    return replace(found, left_out=tuple(left_out.values()))
