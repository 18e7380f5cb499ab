"""Work before the first window, until caches, clocks and compilers have settled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import cycle

from llenergymeasure.backends.base import Backend, PreparedBatch
from llenergymeasure.config.models import MeasurementConfig, WarmupConfig
from llenergymeasure.domain.experiment import WarmupEnd
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.domain.request import WARMUP_REPEAT
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.serve import serve_batch
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.protocol.steady_state import batch_points, settled

LOOK_EVERY_S = 0.5
"""Between two looks at the trends: looking costs time that the device spends idle."""


def warm_up(
    backend: Backend,
    batches: Sequence[PreparedBatch],
    protocol: MeasurementConfig,
    log: Recorder,
    power: Metering,
) -> WarmupEnd | None:
    """Serve batches of the workload itself and return why it was enough; None where no warm-up was asked for.

    It ends when both minima are met and the slopes of step time and power are flat over its later half, or at the cap.
    Its requests are recorded, and counted nowhere.
    """
    config = protocol.warmup
    if config.min_batches == 0 and config.min_duration_s == 0:
        return None
    with log.phase("warmup"):
        start_ns = log.clock.now_ns()
        look_at_s = 0.0
        for served, batch in enumerate(cycle(batches), start=1):
            for request in serve_batch(backend, batch, WARMUP_REPEAT, f"warmup{served}"):
                log.requests.append(request)
            backend.synchronize()
            elapsed_s = (log.clock.now_ns() - start_ns) / 1e9
            log.progress(partial(_progress, _fraction(served, elapsed_s, config), power))
            if served < config.min_batches or elapsed_s < max(config.min_duration_s, look_at_s):
                continue
            look_at_s = elapsed_s + LOOK_EVERY_S
            end = _end(elapsed_s, protocol, log, power)
            if end is not None:
                return end
    return None


def _end(elapsed_s: float, protocol: MeasurementConfig, log: Recorder, power: Metering) -> WarmupEnd | None:
    """Return why the warm-up may end now, its minima being met; None where it goes on."""
    cap_s = protocol.warmup.max_duration_s
    if cap_s is None:
        return "fixed"
    points = batch_points(log.requests.table().rows(), EnergyAccount(power.trace()))
    if settled(points, protocol.window.min_duration_s).is_steady:
        return "steady"
    return "cap" if elapsed_s >= cap_s else None


def _progress(fraction: float | None, power: Metering) -> RunEvent:
    return RunEvent(kind="progress", phase="warmup", fraction=fraction, power_w=power.recent_power_w())


def _fraction(served: int, elapsed_s: float, config: WarmupConfig) -> float | None:
    """Return how far the minima are met; None once it goes on until it is steady, which nobody foresees."""
    batches = served / config.min_batches if config.min_batches else 1.0
    seconds = elapsed_s / config.min_duration_s if config.min_duration_s else 1.0
    done = min(batches, seconds, 1.0)
    return None if done == 1.0 and config.max_duration_s is not None else done
