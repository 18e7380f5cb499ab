"""Figures of prefill and decode: the energy and the time of each, and energy per token."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from llenergymeasure.domain.breakdowns.phase_split import PhaseSplit
from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.metrics.attribution.phases.split import MIXED
from llenergymeasure.metrics.figures.energies import TOTAL_ENERGY, energy_over
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Unknown
from llenergymeasure.metrics.figures.speed import DURATION_OF_WINDOWS, total
from llenergymeasure.metrics.statistics.student import half_width_beyond, mean_half_width
from llenergymeasure.metrics.uncertainty.budget import ONE_WINDOW

SOURCE = "[phases](../explanation/phases.md)"
NOT_SPLIT = "the phases are not identifiable; `phase_split.reason` says why"
DIFFERS = (
    "others subtract a run that stops after the first token from a whole one, or multiply a mean power by the time to "
    "the first token"
)


@dataclass(frozen=True, kw_only=True)
class PhaseEnergy:
    """The energy of one phase, by its place in the split, over a count that is exact."""

    phase: int
    of: Callable[[PhaseSplit], float | None]
    over: Callable[[PhaseSplit], float | None] | None = None

    def compute(self, figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
        """Return the energy with the interval of the split; unknown where there is none."""
        split, half_width_j = inputs.phase_split.split, inputs.phase_split.half_width_j
        energy_j = self.of(split)
        if energy_j is None or inputs.method is None:
            return Unknown(reason=split.reason or "the energy was not split")
        count = 1.0 if self.over is None else self.over(split)
        if not count:
            return Unknown(reason="the windows have no such tokens")
        value = energy_j / count
        method = inputs.model_method if split.method == "model" else inputs.method
        if half_width_j is None:
            reason = "the model that shares mixed steps states no interval"
            return Estimate(value=value, unit=figure.unit, method=method, reason=reason)
        half = math.hypot(float(half_width_j[self.phase]), self._spread_j(energy_j, inputs)) / count
        return Estimate(
            value=value,
            low=value - half,
            high=value + half,
            unit=figure.unit,
            method=method,
            reason=ONE_WINDOW if len(inputs.rows) < 2 else None,
        )

    def _spread_j(self, energy_j: float, inputs: FigureInputs) -> float:
        """Return what repeats of the same work differ by beyond what the meters explain, as in the total's budget.

        A fit has no energy of a phase in each window: the phase then has its part of the total's spread.
        """
        runs = inputs.phase_split.runs
        if runs is None:
            return _share_of_spread_j(energy_j, inputs)
        energies_j = runs.by_window_j[:, self.phase].tolist()
        spread = mean_half_width(
            [each / share for each, share in zip(energies_j, inputs.shares, strict=True)]
        )
        return 0.0 if spread is None else half_width_beyond(spread, float(runs.fleeting_j[self.phase]))


def _share_of_spread_j(energy_j: float, inputs: FigureInputs) -> float:
    whole = energy_over(TOTAL_ENERGY, inputs)
    if isinstance(whole, Unknown) or whole.value <= 0:
        return 0.0
    spread_j = math.fsum(term.half_width for term in whole.terms if term.name == "spread")
    return spread_j * energy_j / whole.value


@dataclass(frozen=True, kw_only=True)
class PhaseTime:
    """The time of one phase in the windows."""

    of: Callable[[PhaseSplit], float | None]

    def compute(self, figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
        """Return the time, with its part of what the durations of the windows differ by."""
        split = inputs.phase_split.split
        duration_s = self.of(split)
        if duration_s is None:
            return Unknown(reason=split.reason or f"{MIXED}, so their times cannot be told apart")
        windows = total(DURATION_OF_WINDOWS, inputs)
        if isinstance(windows, Unknown) or windows.value <= 0:
            return exact(duration_s, figure.unit, "derived")
        part = duration_s / windows.value
        low = None if windows.low is None else min(windows.low * part, duration_s)  # products round
        high = None if windows.high is None else max(windows.high * part, duration_s)
        return windows.model_copy(update={"value": duration_s, "low": low, "high": high})


PREFILL_ENERGY = Figure(
    name="prefill_energy_j",
    label="Prefill",
    unit="J",
    better="lower",
    section="phases",
    formula="energy of the time in which prompts were read, over all windows",
    source=SOURCE,
    differs=DIFFERS,
    missing_because=NOT_SPLIT,
    compute=PhaseEnergy(phase=0, of=lambda split: split.prefill_energy_j).compute,
    in_summary=False,
)
DECODE_ENERGY = Figure(
    name="decode_energy_j",
    label="Decode",
    unit="J",
    better="lower",
    section="phases",
    formula="energy of the time in which tokens after the first were generated, over all windows",
    source=SOURCE,
    differs=DIFFERS,
    missing_because=NOT_SPLIT,
    compute=PhaseEnergy(phase=1, of=lambda split: split.decode_energy_j).compute,
    in_summary=False,
)
REST_ENERGY = Figure(
    name="rest_energy_j",
    label="Neither prefill nor decode",
    unit="J",
    better="lower",
    section="phases",
    formula="energy of the windows − `prefill_energy_j` − `decode_energy_j`",
    source=SOURCE,
    missing_because=NOT_SPLIT,
    compute=PhaseEnergy(phase=2, of=lambda split: split.rest_energy_j).compute,
    in_summary=False,
)
ENERGY_PER_PREFILL_TOKEN = Figure(
    name="energy_per_prefill_token_j",
    label="Energy per prefill token",
    unit="J/token",
    better="lower",
    section="phases",
    formula="`prefill_energy_j` / prompt tokens that were computed: those of a prefix cache count nothing",
    source=SOURCE,
    differs="others divide the energy of the whole run by input tokens: see `energy_per_input_token_j`",
    missing_because=NOT_SPLIT,
    compute=PhaseEnergy(
        phase=0, of=lambda split: split.prefill_energy_j, over=lambda split: split.prefill_tokens
    ).compute,
    in_summary=False,
)
ENERGY_PER_DECODE_TOKEN = Figure(
    name="energy_per_decode_token_j",
    label="Energy per decode token",
    unit="J/token",
    better="lower",
    section="phases",
    formula="`decode_energy_j` / output tokens after the first of each request, which the prefill gives",
    source=SOURCE,
    differs="others divide the energy of the whole run by output tokens: see `energy_per_output_token_j`",
    missing_because=f"{NOT_SPLIT}; or no request has more than one output token",
    compute=PhaseEnergy(
        phase=1, of=lambda split: split.decode_energy_j, over=lambda split: split.decode_tokens
    ).compute,
    in_summary=False,
)
PREFILL_TIME = Figure(
    name="prefill_time_s",
    label="Time in prefill",
    unit="s",
    better="lower",
    section="phases",
    formula="time in the windows in which prompts were read; a gap of less than 20 ms belongs to the step after it",
    source=SOURCE,
    missing_because="the phases are not known: see `phase_split.reason`",
    compute=PhaseTime(of=lambda split: split.prefill_s).compute,
    in_summary=False,
)
DECODE_TIME = Figure(
    name="decode_time_s",
    label="Time in decode",
    unit="s",
    better="lower",
    section="phases",
    formula="time in the windows in which tokens after the first were generated",
    source=SOURCE,
    missing_because="the phases are not known: see `phase_split.reason`",
    compute=PhaseTime(of=lambda split: split.decode_s).compute,
    in_summary=False,
)
PHASES: tuple[Figure, ...] = (
    PREFILL_ENERGY,
    DECODE_ENERGY,
    REST_ENERGY,
    ENERGY_PER_PREFILL_TOKEN,
    ENERGY_PER_DECODE_TOKEN,
    PREFILL_TIME,
    DECODE_TIME,
)
"""In the order in which they are shown."""
