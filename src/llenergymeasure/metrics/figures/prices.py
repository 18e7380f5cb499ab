"""The price list: what one more prompt token, output token, request and step costs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.metrics.attribution.by_request import marginal
from llenergymeasure.metrics.attribution.by_request.marginal import MeanRequest
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Unknown
from llenergymeasure.metrics.uncertainty.budget import ONE_WINDOW
from llenergymeasure.metrics.uncertainty.meter_terms import relative_gain

Combination = Callable[[MeanRequest], NDArray[np.float64]]

NOT_IDENTIFIABLE = (
    "not identifiable: the steps are too much alike to tell this price from the others; "
    "serve prompts, answers and batches of different sizes"
)
TOO_MUCH_ALIKE = (
    "wider than the price itself, because the steps are much alike: "
    "serve prompts, answers and batches of more different sizes"
)
AT_ZERO = (
    "one-sided: no cost is below 0, and the fit is at that bound, so that only the upper end says something"
)
REPEATS_DIFFER = "wider than the price itself, because the repeats differ that much"
SENSORS_ERR = "wider than the price itself, because of the systematic error of the sensors"
"""These four follow on "the interval is"."""
MISSING = (
    "the backend reports no steps, an energy is unknown, no request ended in a window, or the steps of the windows are "
    "too much alike to tell the prices apart"
)
SOURCE = "least squares on the energy of the steps, [attribution](../explanation/attribution.md)"


def price(combination: Combination) -> Callable[[Figure, FigureInputs], Estimate | Unknown]:
    """Return what computes a price that is a linear combination of the costs of steps."""

    def compute(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
        attribution = inputs.attribution
        if isinstance(attribution, str):
            return Unknown(reason=attribution)
        mean = marginal.mean_request(attribution)
        if mean is None:
            return Unknown(reason="no answered request was scheduled and ended in a window")
        amounts = combination(mean)
        if not attribution.costs.is_estimable(amounts):
            return Unknown(reason=NOT_IDENTIFIABLE)
        value_j = float(amounts @ attribution.costs.total)
        fit_j, scatter = attribution.costs.half_width(amounts), marginal.repeat_scatter(attribution)
        if fit_j is None:
            reason = "the windows are too short for an interval"
            return Estimate(value=value_j, unit=figure.unit, method=inputs.model_method, reason=reason)
        terms_j = fit_j, value_j * (scatter or 0.0), value_j * relative_gain(inputs.rows)
        half_j = math.hypot(*terms_j)
        wide = AT_ZERO if value_j <= 0 else _caveat(terms_j) if half_j > value_j else None
        caveats = [wide, ONE_WINDOW if scatter is None else None]
        return Estimate(
            value=value_j,
            low=max(value_j - half_j, 0.0),
            high=value_j + half_j,
            unit=figure.unit,
            method=inputs.model_method,
            reason="; and ".join(filter(None, caveats)) or None,
        )

    return compute


def _caveat(terms_j: tuple[float, float, float]) -> str:
    """Return why an interval is wider than its price, by its widest term: of the fit, of repeats, of the sensors."""
    return (TOO_MUCH_ALIKE, REPEATS_DIFFER, SENSORS_ERR)[terms_j.index(max(terms_j))]


PER_PROMPT_TOKEN = Figure(
    name="price_per_prompt_token_j",
    label="One more prompt token",
    unit="J/token",
    better="lower",
    section="prices",
    formula="cost of a prefill token + cost of a context token × steps of a mean request",
    missing_because=MISSING,
    compute=price(marginal.one_more_prompt_token),
    in_summary=False,
    source=SOURCE,
    differs="none states it; energy over prompt tokens puts the answers into it",
)
PER_OUTPUT_TOKEN = Figure(
    name="price_per_output_token_j",
    label="One more output token",
    unit="J/token",
    better="lower",
    section="prices",
    formula="cost of a decode token + cost of a context token × (prompt + output tokens of a mean request), in a step "
    "that runs anyway",
    missing_because=MISSING,
    compute=price(marginal.one_more_output_token),
    in_summary=False,
    source=SOURCE,
    differs="energy over output tokens (ML.ENERGY, most tools) is a mean: prompts, idle time and the fixed part of "
    "steps are in it",
)
PER_REQUEST = Figure(
    name="price_per_request_j",
    label="One more request",
    unit="J/request",
    better="lower",
    section="prices",
    formula="costs of the prefill, decode and context tokens of a mean request, in steps that run anyway",
    missing_because=MISSING,
    compute=price(marginal.one_more_request),
    in_summary=False,
    source=SOURCE,
    differs="J/token × own output tokens (the prompt is free), or energy over the number of requests",
)
PER_STEP = Figure(
    name="price_per_step_j",
    label="One more step",
    unit="J/step",
    better="lower",
    section="prices",
    formula="energy of a step that does not depend on its tokens and context",
    missing_because=MISSING,
    compute=price(marginal.one_more_step),
    in_summary=False,
    source=SOURCE,
    differs="none states it",
)
