"""Idle baselines: power of the idle machine, bare, with the device's context, and with the model loaded."""

from __future__ import annotations

from functools import partial
from typing import Literal

from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder

SLICE_S = 0.5
IdlePhase = Literal["baseline_check", "baseline_idle", "baseline_context", "baseline_loaded"]


def measure_idle(name: IdlePhase, duration_s: float, log: Recorder, power: Metering) -> None:
    """Leave the machine alone for `duration_s`, as a phase of its own; 0 leaves the phase out."""
    if duration_s <= 0:
        return
    with log.phase(name):
        waited = 0.0
        while waited < duration_s:
            step = min(SLICE_S, duration_s - waited)
            log.clock.sleep(step)
            waited += step
            log.progress(partial(_progress, name, waited / duration_s, power))


def _progress(name: str, fraction: float, power: Metering) -> RunEvent:
    return RunEvent(kind="progress", phase=name, fraction=fraction, power_w=power.recent_power_w())
