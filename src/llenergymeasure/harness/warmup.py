"""Work before the first window, until caches, clocks and compilers have settled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import cycle

from llenergymeasure.backends.base import Backend, PreparedBatch
from llenergymeasure.config.models import WarmupConfig
from llenergymeasure.domain.experiment import WarmupEnd
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.domain.request import WARMUP_REPEAT
from llenergymeasure.harness.power import PowerSource
from llenergymeasure.harness.runlog import RunLog
from llenergymeasure.harness.serve import serve_batch
from llenergymeasure.metrics.account import EnergyAccount
from llenergymeasure.metrics.steadiness import batch_points, settled
from llenergymeasure.metrics.trend import MIN_POINTS

LOOK_EVERY_S = 0.5
"""Between two looks at the trends: looking costs time that the device spends idle."""


def warm_up(
    backend: Backend, batches: Sequence[PreparedBatch], config: WarmupConfig, log: RunLog, power: PowerSource
) -> WarmupEnd | None:
    """Serve batches of the workload itself and return why it was enough; None where no warm-up was asked for.

    It ends when both minima are met and the slopes of step time and power are flat over its later half, or at the cap.
    Its requests are recorded, and counted nowhere.
    """
    if config.min_batches == 0 and config.min_duration_s == 0:
        return None
    with log.phase("warmup"):
        start_ns = looked_ns = log.clock.now_ns()
        for served, batch in enumerate(cycle(batches), start=1):
            log.requests += serve_batch(backend, batch, WARMUP_REPEAT, f"warmup{served}")
            backend.synchronize()
            now_ns = log.clock.now_ns()
            elapsed_s = (now_ns - start_ns) / 1e9
            log.progress(partial(_progress, _fraction(served, elapsed_s, config), power))
            if served < config.min_batches or elapsed_s < config.min_duration_s:
                continue
            if config.max_duration_s is None:
                return "fixed"
            if served >= MIN_POINTS and now_ns - looked_ns >= LOOK_EVERY_S * 1e9:
                looked_ns = now_ns
                if _is_steady(log, power):
                    return "steady"
            if elapsed_s >= config.max_duration_s:
                return "steady" if _is_steady(log, power) else "cap"
    return None


def _is_steady(log: RunLog, power: PowerSource) -> bool:
    warmup = [request for request in log.requests if request.repeat == WARMUP_REPEAT]
    return settled(batch_points(warmup, EnergyAccount(power.trace_so_far()))).is_steady


def _progress(fraction: float, power: PowerSource) -> RunEvent:
    return RunEvent(kind="progress", phase="warmup", fraction=fraction, power_w=power.latest_power_w())


def _fraction(served: int, elapsed_s: float, config: WarmupConfig) -> float:
    batches = served / config.min_batches if config.min_batches else 1.0
    seconds = elapsed_s / config.min_duration_s if config.min_duration_s else 1.0
    return min(batches, seconds, 1.0)
