"""Which parts of a run its figures are of: the steady part of each window, and of several loads one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.breakdowns.traffic import TrafficSummary
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import WindowTotals, window_totals
from llenergymeasure.metrics.figures.breakdown import energy_method
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.serving.summary import summarise_serving
from llenergymeasure.metrics.serving.steady_part import SteadyWindows, steady_windows
from llenergymeasure.orchestration.raw import RawRun

CUT_TO_STEADY = ("open", "replay")
"""Loads whose requests come whether or not others have ended. A pass of an offline load is work that has an end, and a
closed loop is steady from its first window on."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The windows of all loads, and the part of the run that the figures of the result are of."""

    run: RawRun
    """With the steady parts of the windows of one load in place of all windows."""
    rows: Sequence[WindowTotals]
    """The windows of that load."""
    all_rows: Sequence[WindowTotals]
    """Those of other loads too."""
    traffic: TrafficSummary


def find_measured(config: ExperimentConfig, raw: RawRun, account: EnergyAccount) -> Measured:
    """Return what the figures of a run are of."""
    kind = config.load.kind
    can_grow = kind in CUT_TO_STEADY
    steady = (
        steady_windows(raw.phases, raw.requests, raw.facts.max_batch_size)
        if can_grow
        else SteadyWindows(phases=raw.phases)
    )
    rows = window_totals(account, steady.phases, raw.requests)
    traffic = TrafficSummary()
    if kind != "offline":
        inputs = FigureInputs(
            method=energy_method(account),
            account=account,
            model_info=raw.facts.model_info,
            requests=raw.requests,
            device=config.device,
            meters_are_read=config.energy.meters != "none",
            slo=config.slo,
        )
        traffic = summarise_serving(inputs, rows, steady.parts, config.load.rungs(), can_grow=can_grow)
    phases = tuple(each for each in steady.phases if _is_of(each, traffic.headline_rung))
    measured = tuple(each for each in rows if _is_of(each.window, traffic.headline_rung))
    return Measured(run=replace(raw, phases=phases), rows=measured, all_rows=rows, traffic=traffic)


def _is_of(phase: Phase, rung: int | None) -> bool:
    """Whether a phase counts for one of several loads: what belongs to no load does for each."""
    return rung is None or phase.rung in (None, rung)
