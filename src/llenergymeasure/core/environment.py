"""The machine at this moment, in one record."""

from __future__ import annotations

import platform
from datetime import datetime, timezone

from llenergymeasure.core.container import read_container
from llenergymeasure.core.cpu import read_cpu, read_os_name, read_ram_total_mb
from llenergymeasure.core.hardware import NONE, CUDAEnvironment, EnvironmentMetadata, GPUEnvironment
from llenergymeasure.core.nvidia import gpu
from llenergymeasure.exceptions import MeterUnavailable

NO_GPU = GPUEnvironment(name=NONE, vram_total_mb=None, visible=False)
NO_CUDA = CUDAEnvironment(version=NONE, driver_version=NONE)


def collect_environment_metadata() -> EnvironmentMetadata:
    """Look at the machine without changing it; what is unknown is None, a missing GPU is named `none`."""
    gpus, cuda, reason = _read_nvidia()
    first = next((each for each in gpus if each.visible), NO_GPU)
    return EnvironmentMetadata(
        gpu=first,
        cuda=cuda,
        thermal=first.thermal,
        cpu=read_cpu(),
        container=read_container(),
        collected_at=datetime.now(timezone.utc),
        gpus=gpus,
        gpu_missing_because=reason if first is NO_GPU else None,
        os=read_os_name(),
        kernel=platform.release() or None,
        ram_total_mb=read_ram_total_mb(),
    )


def _read_nvidia() -> tuple[tuple[GPUEnvironment, ...], CUDAEnvironment, str]:
    """Return the GPUs, the driver, and why there would be no GPU to use."""
    try:
        gpus, cuda = gpu.read_machine()
    except MeterUnavailable as error:
        return (), NO_CUDA, error.reason
    if gpus:
        return gpus, cuda, "CUDA_VISIBLE_DEVICES hides every GPU of this machine"
    return gpus, cuda, "the NVIDIA driver shows no GPU"
