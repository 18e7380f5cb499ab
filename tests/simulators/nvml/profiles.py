"""Cards as the literature describes their sensors; pass further fields of SimulatedGpu by keyword.

Averaging windows and periods: Yang, Adamek, Armour, "Part-time Power Measurements" (arXiv 2312.02741).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulators.nvml.machine import Activity, EnergyCounter, PowerSensor, SimulatedGpu, Slow
from tests.simulators.signals import Constant, Signal, changes

_QUARTER = PowerSensor(window_s=0.025, period_s=0.1)
_SECOND = PowerSensor(window_s=1.0, period_s=0.1)
_TENTH = PowerSensor(window_s=0.1, period_s=0.1)
BUSY = Activity(sm_pct=Constant(80.0), tensor_pct=Constant(25.0), dram_pct=Constant(60.0))
ELEVENTHS = (*[1 / 11] * 9, 2 / 11)
"""Of the last ten means over 100 ms, the newest first: the "mean over a second" of GA10x, like a box of 1.08 s."""


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
    """Power over a second, and by field over 25 ms, both every 100 ms; a counter that ticks every 20 ms; GPM."""
    defaults: dict[str, Any] = {
        "usage": _SECOND,
        "instant": _QUARTER,
        "average": _SECOND,
        "activity": BUSY,
    }
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


def rtx3090(**fields: Any) -> SimulatedGpu:
    """Power over more than a second, in elevenths; by field over 100 ms; a counter that ticks every 100 ms.

    Its usual reading stalls after a load: see `stalls_after`.
    """
    defaults: dict[str, Any] = {
        "name": "NVIDIA GeForce RTX 3090",
        "capability": (8, 6),
        "pcie": (4, 16),
        "memory_total": 24 << 30,
        "limits_w": (350.0, 350.0, 100.0, 400.0),
        "mig": None,
        "ecc": None,
        "usage": replace(_TENTH, weights=ELEVENTHS),
        "instant": _TENTH,
        "average": replace(_TENTH, weights=ELEVENTHS),
        "counter": EnergyCounter(period_s=0.1),
    }
    return SimulatedGpu(**{**defaults, **fields})


def rtx4090(**fields: Any) -> SimulatedGpu:
    """Power over 100 ms and no reading by field, as older drivers have it; a counter that ticks every 100 ms."""
    defaults: dict[str, Any] = {
        "name": "NVIDIA GeForce RTX 4090",
        "capability": (8, 9),
        "limits_w": (450.0, 450.0, 150.0, 600.0),
        "usage": _TENTH,
        "instant": None,
        "average": None,
    }
    return rtx3090(**{**defaults, **fields})


def stalls_after(power: Signal, *, below_w: float, until_s: float, after_s: float = 2.0) -> tuple[Slow, ...]:
    """Return when a sensor publishes once a second: from `after_s` after its power fell below `below_w`.

    It ends when the power rises again. The power is that of `signals.changes`: constant in between.
    """
    stalls: list[Slow] = []
    low_since_s: float | None = None
    edges_s = [0.0, *changes(power, until_s), until_s]
    for at_s, next_s in zip(edges_s, [*edges_s[1:], until_s], strict=True):
        is_low = at_s < until_s and power.at((at_s + next_s) / 2) < below_w
        if low_since_s is not None and not is_low:
            if at_s > low_since_s + after_s:
                stalls.append(Slow(start_s=low_since_s + after_s, end_s=at_s))
            low_since_s = None
        elif low_since_s is None and is_low:
            low_since_s = at_s
    return tuple(stalls)
