"""The idle baselines: the machine at rest, before and after the model is loaded."""

from __future__ import annotations

from typing import Literal

from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.power import PowerSource
from llenergymeasure.harness.runlog import RunLog

SLICE_S = 0.5


def measure_idle(
    name: Literal["baseline_idle", "baseline_loaded"], duration_s: float, log: RunLog, power: PowerSource
) -> None:
    """Leave the machine alone for `duration_s`, as a phase of its own; 0 leaves the phase out."""
    if duration_s <= 0:
        return
    with log.phase(name):
        waited = 0.0
        while waited < duration_s:
            step = min(SLICE_S, duration_s - waited)
            log.clock.sleep(step)
            waited += step
            log.progress(
                lambda done=waited / duration_s: RunEvent(  # type: ignore[misc]
                    kind="progress", phase=name, fraction=done, power_w=power.latest_power_w()
                )
            )
