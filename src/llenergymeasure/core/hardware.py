"""What the machine is made of, as an experiment's result keeps it; None means that the machine did not say."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from llenergymeasure.core.record import Record

NONE = "none"
"""Name of the GPU and version of the driver on a machine without one."""


class ThermalEnvironment(Record):
    """How warm a GPU is, and whether that or a power cap slows it down."""

    temperature_c: float | None = None
    slowdown_temperature_c: float | None = None
    """Where the card begins to slow itself down."""
    shutdown_temperature_c: float | None = None
    fan_speed_pct: float | None = None
    throttle_reasons: tuple[str, ...] | None = None
    """What limits the clocks at this moment, in NVML's terms; empty: nothing."""


class GPUEnvironment(Record):
    """One physical card; name `none` where the machine has no usable GPU."""

    name: str
    vram_total_mb: float | None
    """In units of 2^20 bytes; None where the card shares the system's memory."""
    vram_used_mb: float | None = None
    """By every process, at this moment."""
    index: int | None = None
    """NVML's: the order of PCI bus addresses."""
    uuid: str | None = None
    pci_bus_id: str | None = None
    visible: bool = True
    """Whether CUDA_VISIBLE_DEVICES lets this process use it."""
    compute_capability: str | None = None
    pcie_generation: int | None = None
    """Of the link at this moment; an idle card lowers it."""
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    mig_enabled: bool | None = None
    """Cut into instances; power and energy are then still those of the whole card."""
    mig_uuids: tuple[str, ...] = ()
    ecc_enabled: bool | None = None
    persistence_mode: bool | None = None
    power_limit_w: float | None = None
    power_limit_default_w: float | None = None
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None
    sm_clock_mhz: float | None = None
    """At this moment, as are the other clocks without `max`."""
    sm_clock_max_mhz: float | None = None
    memory_clock_mhz: float | None = None
    memory_clock_max_mhz: float | None = None
    thermal: ThermalEnvironment = Field(default_factory=ThermalEnvironment)


class CUDAEnvironment(Record):
    """The NVIDIA driver and the highest CUDA version it supports; `none` where there is no driver."""

    version: str
    driver_version: str


class CPUEnvironment(Record):
    """The processors of the machine and how they are clocked."""

    platform: str
    """Operating system, release and architecture in one line; no host name."""
    model: str | None = None
    architecture: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    usable_cores: int | None = None
    """Logical cores this process may be scheduled on."""
    governor: str | None = None
    """Frequency governor; several, joined by commas, where cores differ."""
    turbo_enabled: bool | None = None
    max_frequency_mhz: float | None = None
    virtual_machine: bool | None = None
    """Whether a hypervisor lies between this system and the processor."""


class ContainerEnvironment(Record):
    """The container this process runs in, if any, and the limits of its control group."""

    runtime: str | None = None
    """docker, podman, kubernetes, apptainer...; None: no sign of a container."""
    image: str | None = None
    image_id: str | None = None
    cpu_limit_cores: float | None = None
    memory_limit_mb: float | None = None


class EnvironmentMetadata(Record):
    """The machine at one moment. `gpu` is the first card that the process may use, `gpus` are all of the machine."""

    gpu: GPUEnvironment
    cuda: CUDAEnvironment
    thermal: ThermalEnvironment = Field(default_factory=ThermalEnvironment)
    """Of `gpu`."""
    cpu: CPUEnvironment
    container: ContainerEnvironment = Field(default_factory=ContainerEnvironment)
    collected_at: datetime
    gpus: tuple[GPUEnvironment, ...] = ()
    gpu_missing_because: str | None = None
    """Why `gpu` is `none`."""
    os: str | None = None
    kernel: str | None = None
    ram_total_mb: float | None = None
    """In units of 2^20 bytes."""
