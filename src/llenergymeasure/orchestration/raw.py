"""The raw tables and facts of one run: all that its figures are computed from."""

from __future__ import annotations

from dataclasses import dataclass

from llenergymeasure.domain.load.schedule_table import ScheduleTable
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import EnergyTrace, Phase


@dataclass(frozen=True, kw_only=True)
class RawRun:
    """The record of a complete or an interrupted run, before any computation."""

    facts: RunFacts
    trace: EnergyTrace
    phases: tuple[Phase, ...]
    requests: RequestTable
    steps: StepTable | None = None
    """None where the backend reports none."""
    schedule: ScheduleTable | None = None
    """None where the load has no times of its own."""
