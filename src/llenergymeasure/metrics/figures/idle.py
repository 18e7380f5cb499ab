"""Figures of the idle machine, of energy beyond idle power, and of loading the model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.trace import Phase
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.idle_power import TOO_SHORT, IdlePower
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.energies import NO_ENERGY, energy_series, why_no_energy
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.uncertainty.budget import Subtracted, energy_budget
from llenergymeasure.metrics.uncertainty.meter_terms import combine_gains, combine_uncertainty
from llenergymeasure.metrics.uncertainty.remedies import halve_baseline

ROUNDING = 1e-12
"""Of the gross energy: a difference below this is what double precision leaves of two equal energies."""


@dataclass(frozen=True, kw_only=True)
class IdleState:
    """A state in which the machine idles, with the phase that measures its power and the setting of its length."""

    phase: str
    setting: str

    def power(self, inputs: FigureInputs) -> IdlePower | None:
        """Return the idle power of this state; None where it was not measured."""
        baselines = inputs.baselines
        by_phase = {
            "baseline_idle": baselines.bare,
            "baseline_context": baselines.context,
            "baseline_loaded": baselines.loaded,
        }
        return by_phase[self.phase]

    def mean_power(self, _figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
        """Return the mean power of this state, with its interval: spread, readings and systematic error."""
        idle = self.power(inputs)
        if idle is None or idle.power_w is None or inputs.method is None:
            return Unknown(reason=self._why_unknown(inputs))
        if idle.half_width_w is None:
            return Estimate(value=idle.power_w, unit="W", method=inputs.method, reason=TOO_SHORT)
        half_w = math.hypot(idle.half_width_w, _gain_w(idle, inputs))
        return Estimate(
            value=idle.power_w,
            low=idle.power_w - half_w,
            high=idle.power_w + half_w,
            unit="W",
            method=inputs.method,
        )

    def energy_beyond(self, figure: Figure, inputs: FigureInputs) -> UncertaintyBudget | Unknown:
        """Return gross energy less this idle power over the windows, over the figure's denominator if it has one.

        Its sign is kept.

        The gain of the gross energy counts whole. Both powers come from one sensor, so an error of its gain would
        cancel in part. This is not done: at idle a sensor's error is an offset rather than a gain (a specified ±5 W is
        12 % of 40 W, and 1.7 % of 300 W). One power is subtracted from every window, so its own error adds up.
        """
        idle, rows = self.power(inputs), inputs.rows
        if idle is None or idle.power_w is None:
            return Unknown(reason=self._why_unknown(inputs))
        series = energy_series(figure, inputs, [self.beyond_j(row, inputs) for row in rows])
        if isinstance(series, Unknown):
            return series
        subtracted = Subtracted(
            power_w=idle.power_w,
            half_width_w=idle.half_width_w,
            remedy=halve_baseline(idle.duration_s, self.setting),
            reason=TOO_SHORT if idle.half_width_w is None else None,
        )
        return energy_budget(series, rows, subtracted)

    def beyond_j(self, row: WindowTotals, inputs: FigureInputs) -> float | None:
        """Return the energy of one window less this idle power over its duration."""
        idle = self.power(inputs)
        if idle is None or idle.power_w is None or row.energy.energy_j is None:
            return None
        gross_j, idle_j = row.energy.energy_j, idle.power_w * row.duration_s
        return 0.0 if abs(gross_j - idle_j) < ROUNDING * abs(gross_j) else gross_j - idle_j

    def _why_unknown(self, inputs: FigureInputs) -> str:
        if not inputs.meters_are_read:
            return why_no_energy(inputs)
        phase = _phase(self.phase, inputs)
        if phase is None:
            return f"not measured: measurement.baseline.{self.setting} is 0"
        return _why_phase_has_no_energy(phase, inputs)


def load_energy(_figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the energy of the phase in which the model was loaded, with the interval of its meters."""
    if inputs.engine_ran_before:
        return Unknown(reason="the server ran before, with its model loaded")
    phase, account = _phase("load", inputs), inputs.account
    if phase is None or account is None or inputs.method is None:
        return Unknown(
            reason="the run has no complete load phase" if phase is None else why_no_energy(inputs)
        )
    energy_j = account.energy(phase).energy_j
    if energy_j is None:
        return Unknown(reason=_why_phase_has_no_energy(phase, inputs))
    terms = combine_uncertainty(account.uncertainty(phase))
    half_j = math.hypot(terms.gain_j, terms.random_j)
    return Estimate(
        value=energy_j, low=energy_j - half_j, high=energy_j + half_j, unit="J", method=inputs.method
    )


def _gain_w(idle: IdlePower, inputs: FigureInputs) -> float:
    channels = inputs.account.channels if inputs.account is not None else ()
    return combine_gains(
        (channel, channel.systematic_error_w(power_w))
        for channel, power_w in zip(channels, idle.by_channel, strict=False)
        if channel.included_in_total and power_w is not None
    )


def _phase(name: str, inputs: FigureInputs) -> Phase | None:
    return next((phase for phase in inputs.phases if phase.name == name and phase.complete), None)


def _why_phase_has_no_energy(phase: Phase, inputs: FigureInputs) -> str:
    reason = inputs.account.energy(phase).reason if inputs.account is not None else None
    return reason or "its meters gave no reading"


BARE = IdleState(phase="baseline_idle", setting="idle_s")
CONTEXT = IdleState(phase="baseline_context", setting="context_s")
LOADED = IdleState(phase="baseline_loaded", setting="loaded_s")

IDLE_POWER = Figure(
    name="idle_power_w",
    label="Idle power",
    unit="W",
    better=None,
    section="power",
    formula="mean power of the bare machine before anything is loaded",
    missing_because="not measured (`measurement.baseline.idle_s` is 0), or no meter was read",
    compute=BARE.mean_power,
)
CONTEXT_POWER = Figure(
    name="context_power_w",
    label="Idle power, context created",
    unit="W",
    better=None,
    section="power",
    formula="mean power with the GPU's context created and nothing loaded",
    missing_because="not measured (`measurement.baseline.context_s` is 0), or no meter was read",
    compute=CONTEXT.mean_power,
    needs_gpu=True,
)
LOADED_POWER = Figure(
    name="loaded_power_w",
    label="Idle power, model loaded",
    unit="W",
    better=None,
    section="power",
    formula="mean power with the model loaded and no request",
    missing_because="not measured (`measurement.baseline.loaded_s` is 0), or no meter was read",
    compute=LOADED.mean_power,
)
NET_ENERGY = Figure(
    name="net_energy_j",
    label="Net energy (less idle)",
    unit="J",
    better="lower",
    section="power",
    numerator=Quantity(text="energy less idle energy", of=BARE.beyond_j),
    formula="`total_energy_j` − `idle_power_w` × duration of the windows; keeps its sign",
    missing_because=f"`idle_power_w` is unknown, {NO_ENERGY}",
    compute=BARE.energy_beyond,
)
MARGINAL_ENERGY = Figure(
    name="marginal_energy_j",
    label="Marginal (less loaded idle)",
    unit="J",
    better="lower",
    section="power",
    numerator=Quantity(text="energy less idle energy of the loaded model", of=LOADED.beyond_j),
    formula="`total_energy_j` − `loaded_power_w` × duration of the windows; keeps its sign",
    missing_because=f"`loaded_power_w` is unknown, {NO_ENERGY}",
    compute=LOADED.energy_beyond,
)
LOAD_ENERGY = Figure(
    name="load_energy_j",
    label="Energy of loading",
    unit="J",
    better="lower",
    section="power",
    formula="energy of the phase `load`, outside the windows",
    missing_because="no meter was read, or one failed while the model was loaded",
    compute=load_energy,
)
