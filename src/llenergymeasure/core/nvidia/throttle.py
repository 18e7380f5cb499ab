"""Throttle reasons of NVIDIA GPUs: why their clocks are below the maximum."""

from __future__ import annotations

REASONS: dict[int, str] = {
    0x001: "gpu_idle",
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
"""Bits of nvmlDeviceGetCurrentClocksThrottleReasons; source: nvml.h, nvmlClocksEventReason*."""

HARMFUL = 0x008 | 0x020 | 0x040 | 0x080
"""Heat, power delivery or hardware protection: the card cannot do what it is asked for."""


def reason_names(bits: int) -> tuple[str, ...]:
    """Return the names of the reasons set in `bits`; one without a name shows as its number."""
    flags = [1 << position for position in range(bits.bit_length()) if bits >> position & 1]
    return tuple(REASONS.get(flag, f"0x{flag:x}") for flag in flags)
