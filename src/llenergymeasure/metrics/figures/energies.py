"""Figures of energy and mean power over the windows: total, per token, per request."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Unknown
from llenergymeasure.metrics.figures.quantities import (
    DURATION,
    ENERGY,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    REQUESTS,
    TOKENS,
)
from llenergymeasure.metrics.uncertainty.budget import Series, energy_budget

NO_ENERGY = "no meter was read, or one failed within a window"


def energy_over(figure: Figure, inputs: FigureInputs) -> UncertaintyBudget | Unknown:
    """Return the sum of energies over the sum of the figure's denominator, with its uncertainty budget.

    Without a denominator it is the total energy of the windows.
    """
    series = energy_series(figure, inputs, [row.energy.energy_j for row in inputs.rows])
    return series if isinstance(series, Unknown) else energy_budget(series, inputs.rows)


def energy_series(
    figure: Figure, inputs: FigureInputs, energies_j: Sequence[float | None]
) -> Series | Unknown:
    """Return the energies of the windows over the figure's denominator; without one, they add up to a total."""
    known = [energy for energy in energies_j if energy is not None]
    if not known or len(known) < len(inputs.rows):
        return Unknown(reason=why_no_energy(inputs))
    divisor, per = figure.denominator, None
    if divisor is None:
        denominators = inputs.shares
        per = "request" if len(set(denominators)) > 1 else None
    else:
        counts = [divisor.of(row, inputs) for row in inputs.rows]
        denominators = [float(count) for count in counts if count is not None]
        if len(denominators) < len(counts):
            return Unknown(reason=f"the {divisor.text} of a window are unknown")
        if min(denominators) <= 0:
            return Unknown(reason=f"a window has no {divisor.text}")
    return Series(figure=figure.name, unit=figure.unit, numerators=known, denominators=denominators, per=per)


def why_no_energy(inputs: FigureInputs) -> str:
    """Return why the energy of the windows is unknown."""
    if not inputs.meters_are_read:
        return "no energy was measured: energy.meters is none"
    unknown = [row.energy for row in inputs.rows if row.energy.energy_j is None]
    if not unknown:
        return "no window was completed"
    return f"{unknown[0].reason}, in {len(unknown)} of {len(inputs.rows)} windows"


TOTAL_ENERGY = Figure(
    name="total_energy_j",
    label="Energy",
    unit="J",
    better="lower",
    section="energy",
    numerator=ENERGY,
    formula="sum of the energy of the windows over all devices included in the total",
    missing_because=NO_ENERGY,
    compute=energy_over,
)
ENERGY_PER_OUTPUT_TOKEN = Figure(
    name="energy_per_output_token_j",
    label="Energy per output token",
    unit="J/token",
    better="lower",
    section="energy",
    numerator=ENERGY,
    denominator=OUTPUT_TOKENS,
    formula="energy / output tokens (input tokens count nothing)",
    differs="what others call energy per token may count prompt tokens too, which gives a smaller number: that is "
    "`energy_per_token_j`",
    missing_because=f"{NO_ENERGY}; or a window has no output tokens",
    compute=energy_over,
)
ENERGY_PER_INPUT_TOKEN = Figure(
    name="energy_per_input_token_j",
    label="Energy per input token",
    unit="J/token",
    better="lower",
    section="energy",
    numerator=ENERGY,
    denominator=INPUT_TOKENS,
    formula="energy / input tokens (output tokens count nothing)",
    missing_because=f"{NO_ENERGY}; or a window has no input tokens",
    compute=energy_over,
)
ENERGY_PER_TOKEN = Figure(
    name="energy_per_token_j",
    label="Energy per token",
    unit="J/token",
    better="lower",
    section="energy",
    numerator=ENERGY,
    denominator=TOKENS,
    formula="energy / (input tokens + output tokens)",
    missing_because=f"{NO_ENERGY}; or a window has no tokens",
    compute=energy_over,
)
ENERGY_PER_REQUEST = Figure(
    name="energy_per_request_j",
    label="Energy per request",
    unit="J/request",
    better="lower",
    section="energy",
    numerator=ENERGY,
    denominator=REQUESTS,
    formula="energy / requests",
    missing_because=f"{NO_ENERGY}; or a window has no requests",
    compute=energy_over,
)
MEAN_POWER = Figure(
    name="mean_power_w",
    label="Mean power",
    unit="W",
    better=None,
    section="power",
    numerator=ENERGY,
    denominator=DURATION,
    formula="energy / duration of the windows",
    missing_because=NO_ENERGY,
    compute=energy_over,
)
