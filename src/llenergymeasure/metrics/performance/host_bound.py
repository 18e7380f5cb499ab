"""Whether a device waited for its host: slower tokens at less power."""

from __future__ import annotations

from dataclasses import dataclass

POWER_FALLS_BY = 0.10
LATENCY_RISES_TO = 1.5


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """How a device served: time between tokens, and mean power meanwhile."""

    itl_s: float
    power_w: float


def is_host_bound(reference: OperatingPoint, point: OperatingPoint) -> bool:
    """Whether `point` is slower than `reference` because the device waited for its host.

    A device that is slower because it has more to do draws more power, not less: power down by 10 % or more while the
    inter-token latency rises 1.5 times or more is a device that waits. The rule finds the anomalies of ML.ENERGY v3
    (Qwen3-8B on B200 at batch 8: 5.0 -> 32.5 ms at 646 -> 294 W).
    """
    falls = point.power_w <= (1 - POWER_FALLS_BY) * reference.power_w
    return falls and point.itl_s >= LATENCY_RISES_TO * reference.itl_s
