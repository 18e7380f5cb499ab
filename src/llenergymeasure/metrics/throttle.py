"""What an NVIDIA card says about why its clocks are lower than they could be."""

from __future__ import annotations

REASONS: dict[int, str] = {
    0x1: "gpu_idle",
    0x2: "applications_clocks_setting",
    0x4: "sw_power_cap",
    0x8: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
"""Bits of nvmlDeviceGetCurrentClocksEventReasons (NVML API reference, nvmlClocksEventReasons)."""

HARMFUL = 0x8 | 0x20 | 0x40 | 0x80
"""Heat, power delivery or hardware protection: the card cannot do what it is asked for."""


def reason_names(mask: int) -> tuple[str, ...]:
    """Return the names of the reasons in a mask, unknown bits as hexadecimal."""
    known = tuple(name for bit, name in REASONS.items() if mask & bit)
    rest = mask & ~sum(REASONS)
    return (*known, f"0x{rest:x}") if rest else known
