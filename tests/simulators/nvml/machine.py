"""A machine with simulated NVIDIA GPUs: what it is, its spec file, and its true energy."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulators.nvml.spec import spec_lines
from tests.simulators.signals import Constant, Signal

NOT_SUPPORTED, NO_PERMISSION, DRIVER_NOT_LOADED, GPU_IS_LOST, VERSION_MISMATCH, NO_DATA, UNKNOWN = (
    3,
    4,
    9,
    15,
    18,
    21,
    999,
)
"""The NVML return codes that faults are made of."""

_STEADY_POWER, _STEADY_TEMPERATURE = Constant(250.0), Constant(52.0)
_STEADY_SM_CLOCK, _STEADY_UTILISATION = Constant(1755.0), Constant(87.0)


MOST_JITTER = 0.28
"""Of a period; with more, an update could come before the one that precedes it."""


@dataclass(frozen=True, kw_only=True)
class Slow:
    """From `start_s` until `end_s` a sensor publishes only every `period_s`, counted from its last update before."""

    start_s: float
    end_s: float
    period_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PowerSensor:
    """A reading of the mean over the last `window_s` (0: of the moment), published every `period_s`.

    With `weights` it is the sum of so many such means, each `period_s` before the one before it, the newest first.
    """

    window_s: float
    period_s: float
    phase_s: float = 0.0
    jitter_s: float = 0.0
    """Standard deviation of the time of each update."""
    slow: tuple[Slow, ...] = ()
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_jitter(self.jitter_s, self.period_s)

    @property
    def box_s(self) -> float:
        """Length of the box with the same mean age of what it shows."""
        if not self.weights:
            return self.window_s
        ages_s = [number * self.period_s + self.window_s / 2 for number in range(len(self.weights))]
        return 2 * sum(weight * age_s for weight, age_s in zip(self.weights, ages_s, strict=True))


@dataclass(frozen=True, kw_only=True)
class EnergyCounter:
    """A counter that moves every `period_s` to the energy drawn until then, in steps of `resolution_mj`."""

    period_s: float = 0.02
    phase_s: float = 0.0
    gain: float = 1.0
    resolution_mj: float = 1.0
    base_mj: float = 5_000_000.0
    """What it showed at the origin."""
    jitter_s: float = 0.0
    """Standard deviation of the time of each tick."""
    slow: tuple[Slow, ...] = ()

    def __post_init__(self) -> None:
        _check_jitter(self.jitter_s, self.period_s)


def _check_jitter(jitter_s: float, period_s: float) -> None:
    if jitter_s > MOST_JITTER * period_s:
        raise ValueError(f"a jitter of {jitter_s} s is too much for a period of {period_s} s")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Every `every`-th call of a kind, from `start_s` until `end_s`, returns `code`; code 0 reads 0 (a blank sample).

    The first `after_calls` calls in that time are spared; each process counts its own.
    Kinds: energy, power, fields (83, 185, 186), temperature, clocks, utilisation, throttle, processes, handle, name,
    uuid, memory, limits, mig, ecc, persistence, gpm (whether it is supported), gpm_sample, all.
    """

    call: str
    code: int
    start_s: float = 0.0
    end_s: float = math.inf
    every: int = 1
    after_calls: int = 0


@dataclass(frozen=True, kw_only=True)
class Process:
    """A compute process on a GPU, there from `start_s` until `end_s`."""

    pid: int
    memory_bytes: int = 2 << 30
    start_s: float = 0.0
    end_s: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """Clock event reasons (a bit mask) that are set from `start_s` until `end_s`."""

    mask: int
    start_s: float = 0.0
    end_s: float = math.inf


@dataclass(frozen=True, kw_only=True)
class MigDevice:
    """One instance of a card in MIG mode."""

    uuid: str
    gpu_instance: int = 1
    compute_instance: int = 0


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What NVML's GPM says of a card, in percent: means between two samples, which are refreshed every 100 ms.

    Each sample takes `call_s`.
    """

    sm_pct: Signal
    tensor_pct: Signal
    dram_pct: Signal
    call_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SimulatedGpu:
    """One card; all times count from the machine's origin.

    `usage` is what nvmlDeviceGetPowerUsage reads, `instant` field 186, `average` field 185; None: not supported.
    """

    uuid: str = "GPU-6f1c2a9e-5b7d-4e0f-8a43-2d9c71b0e650"
    name: str = "NVIDIA H100 80GB HBM3"
    serial: str = "1654922006841"
    pci_bus: int = 0x17
    capability: tuple[int, int] = (9, 0)
    pcie: tuple[int, int] = (5, 16)
    memory_total: int = 80 << 30
    memory_used: int = 1 << 30
    persistence: bool = True
    virtualization: int = 0
    ecc: bool | None = True
    mig: bool | None = False
    mig_devices: tuple[MigDevice, ...] = ()
    limits_w: tuple[float, float, float, float] = (700.0, 700.0, 200.0, 700.0)
    """Enforced, default, lowest, highest power limit."""
    memory_clock_mhz: int = 2619
    max_sm_clock_mhz: int = 1980
    power: Signal = _STEADY_POWER
    seen_power: Signal | None = None
    """What its sensors make of `power` before gain and offset, where they are not exact (`signals.deviating`)."""
    temperature: Signal = _STEADY_TEMPERATURE
    sm_clock: Signal = _STEADY_SM_CLOCK
    utilisation: Signal = _STEADY_UTILISATION
    activity: Activity | None = None
    """None: the card has no GPM, as those before Hopper."""
    usage: PowerSensor | None = PowerSensor(window_s=1.0, period_s=0.1)
    instant: PowerSensor | None = PowerSensor(window_s=0.025, period_s=0.1)
    average: PowerSensor | None = PowerSensor(window_s=1.0, period_s=0.1)
    gain: float = 1.0
    offset_w: float = 0.0
    noise_w: float = 0.0
    """Standard deviation of each published power reading."""
    noise_seed: int = 1
    counter: EnergyCounter | None = EnergyCounter()
    counter_reset_at_s: float = math.inf
    counter_freeze_at_s: float = math.inf
    counter_wrap_mj: float | None = None
    power_freeze_at_s: float = math.inf
    lost_at_s: float = math.inf
    call_s: tuple[float, float] = (0.0, 0.0)
    """Shortest and longest time that one call takes, beside the machine's `read_latency_s`."""
    faults: tuple[Fault, ...] = ()
    processes: tuple[Process, ...] = ()
    throttle: Throttle | None = None


@dataclass(frozen=True, kw_only=True)
class NvmlMachine:
    """The simulated machine. Its time 0, the origin, is the moment at which this object is made.

    `init_error` is an NVML code with which the library refuses to start.
    """

    gpus: tuple[SimulatedGpu, ...] = (SimulatedGpu(),)
    driver_version: str = "570.86.15"
    nvml_version: str = "12.570.86.15"
    cuda_version: int = 12080
    init_error: int = 0
    read_latency_s: float = 0.0
    """How long each call takes before it is answered."""
    one_call_at_a_time: bool = False
    """Whether threads wait for each other's calls, of whatever card."""
    origin_monotonic_ns: int = field(default_factory=time.monotonic_ns)
    unix_offset_ns: int = field(default_factory=lambda: time.time_ns() - time.monotonic_ns())

    def seconds(self, unix_ns: int) -> float:
        """Return a Unix time in seconds since the origin."""
        return (unix_ns - self.unix_offset_ns - self.origin_monotonic_ns) / 1e9

    def true_energy_j(self, gpu: int, start_unix_ns: int, end_unix_ns: int) -> float:
        """Return what a card really drew between two Unix times."""
        power = self.gpus[gpu].power
        return power.integral(self.seconds(end_unix_ns)) - power.integral(self.seconds(start_unix_ns))

    def write(self, path: Path) -> None:
        """Write the spec file that the simulated library reads."""
        path.write_text("\n".join(spec_lines(self)) + "\n", encoding="utf-8")
