"""Work before the first window, until caches, clocks and compilers have settled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import cycle

from llenergymeasure.backends.base import Backend, PreparedBatch
from llenergymeasure.config.models import WarmupConfig
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.power import PowerSource
from llenergymeasure.harness.runlog import RunLog
from llenergymeasure.harness.serve import serve_batch


def warm_up(
    backend: Backend, batches: Sequence[PreparedBatch], config: WarmupConfig, log: RunLog, power: PowerSource
) -> None:
    """Serve batches of the workload itself until both minima are met; nothing of it is counted."""
    if config.min_batches == 0 and config.min_duration_s == 0:
        return
    with log.phase("warmup"):
        start = log.clock.now_ns()
        for served, batch in enumerate(cycle(batches)):
            elapsed_s = (log.clock.now_ns() - start) / 1e9
            if served >= config.min_batches and elapsed_s >= config.min_duration_s:
                break
            serve_batch(backend, batch, repeat=-1, label=f"warmup{served}")
            backend.synchronize()
            log.progress(partial(_progress, _fraction(served + 1, elapsed_s, config), power))


def _progress(fraction: float, power: PowerSource) -> RunEvent:
    return RunEvent(kind="progress", phase="warmup", fraction=fraction, power_w=power.latest_power_w())


def _fraction(served: int, elapsed_s: float, config: WarmupConfig) -> float:
    batches = served / config.min_batches if config.min_batches else 1.0
    seconds = elapsed_s / config.min_duration_s if config.min_duration_s else 1.0
    return min(batches, seconds, 1.0)
