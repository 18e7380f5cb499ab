"""Facts of each GPU as NVML reports them; None where a card does not support the query."""

from __future__ import annotations

import logging
from typing import Any

from llenergymeasure.core.hardware import CUDAEnvironment, GPUEnvironment, ThermalEnvironment
from llenergymeasure.core.nvidia import nvml
from llenergymeasure.core.nvidia.binding import reinstall_command
from llenergymeasure.core.nvidia.throttle import reason_names
from llenergymeasure.core.time_limit import fault_within
from llenergymeasure.exceptions import MeterUnavailable

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""A driver that has to start first, without persistence mode, takes some seconds for each card."""


def read_machine() -> tuple[tuple[GPUEnvironment, ...], CUDAEnvironment]:
    """Return the GPUs and the driver; one that hangs, as after a fault of a card, is waited for `TIMEOUT_S`.

    Raises:
        MeterUnavailable: NVML cannot be used, or does not answer; with the reason and the remedy.
    """
    answers: list[tuple[tuple[GPUEnvironment, ...], CUDAEnvironment]] = []

    def ask() -> None:
        with nvml.session():  # one for both: to start NVML takes longer than all the questions
            answers.append((read_gpus(), read_cuda()))

    fault = fault_within(TIMEOUT_S, ask)
    if isinstance(fault, TimeoutError):
        raise MeterUnavailable(
            f"the NVIDIA driver did not answer within {TIMEOUT_S:.0f} s",
            "nvidia-smi  # where it hangs too: sudo dmesg | grep -i xid; then sudo reboot",
        )
    if fault is not None:
        raise fault
    if not answers:  # the code of others ended the thread
        raise MeterUnavailable("the Python binding of NVML gave no answer", reinstall_command())
    return answers[0]


def read_gpus() -> tuple[GPUEnvironment, ...]:
    """Return every NVIDIA GPU of the machine, in NVML's order.

    Raises:
        MeterUnavailable: NVML cannot be used; with the reason and the remedy.
    """
    with nvml.session() as pynvml:
        visible = {gpu.uuid for gpu in nvml.visible_gpus()}
        return tuple(_read_gpu(pynvml, gpu, gpu.uuid in visible) for gpu in nvml.list_gpus())


def _read_gpu(pynvml: Any, gpu: nvml.Gpu, visible: bool) -> GPUEnvironment:
    """Return what a card reports; its identity alone where the binding answers in another form than NVIDIA's."""
    identity: dict[str, Any] = {
        "name": gpu.name,
        "index": gpu.index,
        "uuid": gpu.uuid,
        "pci_bus_id": gpu.pci_bus_id,
        "visible": visible,
        "mig_enabled": gpu.mig_enabled,
        "mig_uuids": gpu.mig_uuids,
    }
    try:
        return GPUEnvironment(**identity, **_facts(pynvml, gpu))
    except nvml.FOREIGN as error:
        logger.debug("%s: its facts cannot be read: %s", gpu.name, error)
        return GPUEnvironment(**identity, vram_total_mb=None)


def read_cuda() -> CUDAEnvironment:
    """Return the versions of the driver and of the CUDA it supports.

    Raises:
        MeterUnavailable: NVML cannot be used; with the reason and the remedy.
    """
    with nvml.session() as pynvml:
        driver = _ask(pynvml, "nvmlSystemGetDriverVersion")
        cuda = _ask(pynvml, "nvmlSystemGetCudaDriverVersion")
    return CUDAEnvironment(
        version="unknown" if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        driver_version="unknown" if driver is None else _text(driver),
    )


def _facts(pynvml: Any, gpu: nvml.Gpu) -> dict[str, Any]:
    handle = _ask(pynvml, "nvmlDeviceGetHandleByIndex", gpu.index)
    memory = _ask(pynvml, "nvmlDeviceGetMemoryInfo", handle)
    capability = _ask(pynvml, "nvmlDeviceGetCudaComputeCapability", handle)
    return {
        "vram_total_mb": _mb(memory.total) if memory and memory.total else None,
        "vram_used_mb": _mb(memory.used) if memory else None,
        "compute_capability": ".".join(str(part) for part in capability) if capability else None,
        **_link(pynvml, handle),
        **_modes(pynvml, handle),
        **_power_limits(pynvml, handle),
        **_clocks(pynvml, handle),
        "thermal": _thermal(pynvml, handle),
    }


def _link(pynvml: Any, handle: Any) -> dict[str, int | None]:
    return {
        "pcie_generation": _ask(pynvml, "nvmlDeviceGetCurrPcieLinkGeneration", handle),
        "pcie_generation_max": _ask(pynvml, "nvmlDeviceGetMaxPcieLinkGeneration", handle),
        "pcie_width": _ask(pynvml, "nvmlDeviceGetCurrPcieLinkWidth", handle),
    }


def _modes(pynvml: Any, handle: Any) -> dict[str, bool | None]:
    ecc = _ask(pynvml, "nvmlDeviceGetEccMode", handle)
    persistence = _ask(pynvml, "nvmlDeviceGetPersistenceMode", handle)
    return {
        "ecc_enabled": None if ecc is None else bool(ecc[0]),
        "persistence_mode": None if persistence is None else bool(persistence),
    }


def _power_limits(pynvml: Any, handle: Any) -> dict[str, float | None]:
    low_mw, high_mw = _ask(pynvml, "nvmlDeviceGetPowerManagementLimitConstraints", handle) or (None, None)
    return {
        "power_limit_w": _watts(_ask(pynvml, "nvmlDeviceGetEnforcedPowerLimit", handle)),
        "power_limit_default_w": _watts(_ask(pynvml, "nvmlDeviceGetPowerManagementDefaultLimit", handle)),
        "power_limit_min_w": _watts(low_mw),
        "power_limit_max_w": _watts(high_mw),
    }


def _clocks(pynvml: Any, handle: Any) -> dict[str, float | None]:
    now, most = "nvmlDeviceGetClockInfo", "nvmlDeviceGetMaxClockInfo"
    return {
        "sm_clock_mhz": _ask(pynvml, now, handle, pynvml.NVML_CLOCK_SM) or None,
        "sm_clock_max_mhz": _ask(pynvml, most, handle, pynvml.NVML_CLOCK_SM) or None,
        "memory_clock_mhz": _ask(pynvml, now, handle, pynvml.NVML_CLOCK_MEM) or None,
        "memory_clock_max_mhz": _ask(pynvml, most, handle, pynvml.NVML_CLOCK_MEM) or None,
    }


def _thermal(pynvml: Any, handle: Any) -> ThermalEnvironment:
    threshold = "nvmlDeviceGetTemperatureThreshold"
    reasons = _ask(pynvml, "nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    return ThermalEnvironment(
        temperature_c=_ask(pynvml, "nvmlDeviceGetTemperature", handle, pynvml.NVML_TEMPERATURE_GPU) or None,
        slowdown_temperature_c=_ask(pynvml, threshold, handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN),
        shutdown_temperature_c=_ask(pynvml, threshold, handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SHUTDOWN),
        fan_speed_pct=_ask(pynvml, "nvmlDeviceGetFanSpeed", handle),
        throttle_reasons=None if reasons is None else reason_names(reasons),
    )


def _ask(pynvml: Any, question: str, *arguments: Any) -> Any:
    """Return what NVML answers, or None where this card, driver or binding does not know the question."""
    if None in arguments:
        return None  # a card whose handle is unknown
    try:
        return getattr(pynvml, question)(*arguments)
    except pynvml.NVMLError as error:
        logger.debug("%s: %s", question, error)
        return None


def _watts(milliwatts: int | None) -> float | None:
    return milliwatts / 1000 if milliwatts else None  # 0 is no limit that a card has


def _mb(size_bytes: int) -> float:
    return round(size_bytes / 2**20, 1)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
