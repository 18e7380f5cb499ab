"""Cards as the literature describes their sensors; pass further fields of SimulatedGpu by keyword.

Averaging windows and periods: Yang, Adamek, Armour, "Part-time Power Measurements" (arXiv 2312.02741).
"""

from __future__ import annotations

from typing import Any

from tests.simulators.nvml.machine import EnergyCounter, PowerSensor, SimulatedGpu

_QUARTER = PowerSensor(window_s=0.025, period_s=0.1)
_SECOND = PowerSensor(window_s=1.0, period_s=0.1)


def v100(**fields: Any) -> SimulatedGpu:
    """Power every 20 ms over 10 ms; no readings by field."""
    defaults: dict[str, Any] = {
        "name": "Tesla V100-SXM2-32GB",
        "capability": (7, 0),
        "pcie": (3, 16),
        "memory_total": 32 << 30,
        "limits_w": (300.0, 300.0, 150.0, 300.0),
        "mig": None,
        "usage": PowerSensor(window_s=0.01, period_s=0.02),
        "instant": None,
        "average": None,
        "counter": EnergyCounter(period_s=0.02),
    }
    return SimulatedGpu(**{**defaults, **fields})


def a100(**fields: Any) -> SimulatedGpu:
    """Power every 100 ms over 25 ms: three quarters of the time unseen; a counter that ticks every 100 ms."""
    defaults: dict[str, Any] = {
        "name": "NVIDIA A100-SXM4-80GB",
        "capability": (8, 0),
        "pcie": (4, 16),
        "limits_w": (400.0, 400.0, 100.0, 400.0),
        "usage": _QUARTER,
        "instant": None,
        "average": None,
        "counter": EnergyCounter(period_s=0.1),
    }
    return SimulatedGpu(**{**defaults, **fields})


def h100(**fields: Any) -> SimulatedGpu:
    """Power over a second, and by field over 25 ms, both every 100 ms; a counter that ticks every 20 ms."""
    defaults: dict[str, Any] = {"usage": _SECOND, "instant": _QUARTER, "average": _SECOND}
    return SimulatedGpu(**{**defaults, **fields})


def gh200(**fields: Any) -> SimulatedGpu:
    """As an H100, with its counter at 100 ms."""
    defaults: dict[str, Any] = {
        "name": "NVIDIA GH200 480GB",
        "memory_total": 96 << 30,
        "limits_w": (900.0, 900.0, 100.0, 900.0),
        "counter": EnergyCounter(period_s=0.1),
    }
    return h100(**{**defaults, **fields})
