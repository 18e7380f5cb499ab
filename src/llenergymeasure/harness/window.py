"""The measured interval: synchronise, mark, serve, synchronise, mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from llenergymeasure.backends.base import Backend, PreparedBatch
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.serve import serve_batch


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """How long one repeat serves the workload: whole passes until `min_duration_s`, or exactly `passes`."""

    min_duration_s: float
    passes: int | None = None

    def is_done(self, passes: int, elapsed_s: float) -> bool:
        return passes >= self.passes if self.passes is not None else elapsed_s >= self.min_duration_s

    def fraction(self, passes: float, elapsed_s: float) -> float:
        """Return how much of the window is done after so many passes, parts of one included; it goes on as it went."""
        least = math.ceil(self.min_duration_s * passes / elapsed_s) if elapsed_s > 0 else 1
        return min(passes / (self.passes or max(1, least)), 1.0)


def measure_window(
    backend: Backend,
    batches: Sequence[PreparedBatch],
    plan: WindowPlan,
    repeat: int,
    log: Recorder,
    power: Metering,
) -> int:
    """Serve the workload in whole passes, at least one, and return how many.

    The phase `window` is the one interval over which energy, time and tokens of this repeat are counted.
    """
    backend.synchronize()
    with log.phase("window", repeat):
        start = log.clock.now_ns()
        tokens = 0
        for number in count():
            for index, batch in enumerate(batches, start=1):
                served = serve_batch(backend, batch, repeat, f"r{repeat}.p{number}")
                for request in served:
                    log.requests.append(request)
                    tokens += request.output_tokens
                elapsed_s = (log.clock.now_ns() - start) / 1e9
                _tell(
                    repeat,
                    tokens,
                    elapsed_s,
                    plan.fraction(number + index / len(batches), elapsed_s),
                    log,
                    power,
                )
            if plan.is_done(number + 1, (log.clock.now_ns() - start) / 1e9):
                break
        backend.synchronize()
    return number + 1


def _tell(
    repeat: int, tokens: int, elapsed_s: float, fraction: float, log: Recorder, power: Metering
) -> None:
    log.progress(
        lambda: RunEvent(
            kind="progress",
            phase="window",
            repeat=repeat,
            fraction=fraction,
            output_tokens_per_s=tokens / elapsed_s if elapsed_s > 0 else None,
            power_w=power.recent_power_w(),
        )
    )
