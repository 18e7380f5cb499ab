"""Figures of requests by what became of them: rate, goodput, attainment, energy per good request, wasted energy."""

from __future__ import annotations

from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.energies import NO_ENERGY, energy_over, energy_series
from llenergymeasure.metrics.figures.figure import NO_SLO, Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.figures.quantities import DURATION, ENERGY, REQUESTS
from llenergymeasure.metrics.figures.speed import ratio
from llenergymeasure.metrics.serving.objectives import OF_REQUESTS
from llenergymeasure.metrics.statistics.estimates import ratio_estimate
from llenergymeasure.metrics.uncertainty.meter_terms import relative_gain

SOURCE = "[serving](../explanation/serving.md)"
NO_TIMES = "the backend does not report the times that an objective needs"
WITHOUT_PROMPTS = "without what failed requests cost before their first token: the backend reports no steps"


def _good(row: WindowTotals, inputs: FigureInputs) -> int | None:
    """Return how many good requests ended in a window; None where that cannot be told."""
    judged = inputs.judged
    if judged is None or judged.reason is not None:
        return None
    ended = inputs.requests.ended_in(row.window.start_unix_ns, row.window.end_unix_ns)
    return int((judged.good & ended).sum())


GOOD = Quantity(text="good requests", of=_good)


def _why_unjudged(inputs: FigureInputs) -> Unknown | None:
    """Return why good requests cannot be told; None where they can."""
    if inputs.judged is None:
        return Unknown(reason=NO_SLO)
    return None if inputs.judged.reason is None else Unknown(reason=inputs.judged.reason)


def goodput(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the good requests that ended in the windows, per second."""
    return _why_unjudged(inputs) or ratio(figure, inputs)


def energy_of_good(figure: Figure, inputs: FigureInputs) -> UncertaintyBudget | Unknown:
    """Return the energy of the windows over the good requests that ended in them."""
    return _why_unjudged(inputs) or energy_over(figure, inputs)


def attained(_figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the fraction of the requests that kept every objective."""
    unknown = _why_unjudged(inputs)
    if unknown is not None:
        return unknown
    together = inputs.attainments[-1]
    return together.fraction or Unknown(reason=str(together.reason))


def wasted_energy(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the energy of requests that came to nothing, by what each cost; by its tokens, where steps are unknown."""
    series = energy_series(figure, inputs, [row.energy.energy_j for row in inputs.rows])
    if isinstance(series, Unknown):
        return series
    is_failed = ~inputs.requests.is_ok()
    attribution = inputs.attribution
    if not isinstance(attribution, str):
        wasted = [float(each.energy_j[is_failed[each.request]].sum()) for each in attribution.energies]
        return _of_windows(figure, inputs, wasted, reason=None)
    failed = inputs.requests.select(is_failed)
    if not len(failed):
        return exact(0.0, figure.unit, inputs.model_method)
    tokens = [
        failed.output_tokens_in(row.window.start_unix_ns, row.window.end_unix_ns) for row in inputs.rows
    ]
    if not all(row.output_tokens for row in inputs.rows):
        return Unknown(reason="a window has no output tokens to share its energy by")
    wasted = [
        energy_j * count / row.output_tokens
        for energy_j, count, row in zip(series.numerators, tokens, inputs.rows, strict=True)
    ]
    return _of_windows(figure, inputs, wasted, reason=WITHOUT_PROMPTS)


def _of_windows(
    figure: Figure, inputs: FigureInputs, wasted_j: list[float], reason: str | None
) -> Estimate | Unknown:
    gain_j = sum(wasted_j) * relative_gain(inputs.rows)
    method = inputs.model_method if reason is None else "estimated"
    found = ratio_estimate(wasted_j, inputs.shares, unit=figure.unit, method=method, fixed_half_width=gain_j)
    if found is None:
        return Unknown(reason="no window was completed")
    low = None if found.low is None else max(found.low, 0.0)
    caveat = "; and ".join(filter(None, [reason, found.reason])) or None
    return found.model_copy(update={"low": low, "reason": caveat})


REQUEST_RATE = Figure(
    name="requests_per_s",
    label="Requests per second",
    unit="requests/s",
    better="higher",
    section="speed",
    numerator=REQUESTS,
    denominator=DURATION,
    formula="answered requests that ended in the windows / duration of the windows",
    missing_because="no window was completed",
    compute=ratio,
    in_summary=False,
)
GOODPUT = Figure(
    name="goodput_requests_per_s",
    label="Goodput",
    unit="requests/s",
    better="higher",
    section="load",
    numerator=GOOD,
    denominator=DURATION,
    formula="good requests that ended in the windows / duration of the windows. A good request was answered within "
    "every limit of `slo:` that applies to it",
    missing_because=f"{NO_SLO}; or {NO_TIMES}",
    source=SOURCE,
    differs="vLLM divides by the whole duration, ramps included; in AIPerf answers of one token are not good under a "
    "limit of the time per output token, in guidellm they are left out",
    compute=goodput,
)
SLO_ATTAINMENT = Figure(
    name="slo_attainment",
    label="Attainment of objectives",
    unit=OF_REQUESTS,
    better="higher",
    section="load",
    formula="good requests / requests that were due in the windows, failed ones included, each followed to its end. "
    "`traffic.objectives` has each objective alone",
    missing_because=f"{NO_SLO}; {NO_TIMES}; or no request was due in the windows",
    source=SOURCE,
    differs="AIPerf: over attempted requests; most tools leave out failed requests, and those that a window cuts off",
    compute=attained,
)
ENERGY_PER_GOOD_REQUEST = Figure(
    name="energy_per_good_request_j",
    label="Energy per good request",
    unit="J/request",
    better="lower",
    section="load",
    numerator=ENERGY,
    denominator=GOOD,
    formula="energy / good requests that ended in the windows",
    missing_because=f"{NO_SLO}; {NO_TIMES}; {NO_ENERGY}; or a window has no good requests",
    source=SOURCE,
    differs="none states it: energy per request counts those that came too late as well",
    compute=energy_of_good,
)
WASTED_ENERGY = Figure(
    name="wasted_energy_j",
    label="Energy of failed requests",
    unit="J",
    better="lower",
    section="load",
    formula="energy of the windows that went into requests which failed, timed out or were cancelled, by [attribution]"
    "(../explanation/attribution.md); where the backend reports no steps, energy / output tokens × their output "
    "tokens, which leaves out what they cost before their first token",
    missing_because=f"{NO_ENERGY}; or requests failed, the backend reports no steps, and a window has no output tokens",
    source=SOURCE,
    differs="none states it: it is in the energy of the others",
    compute=wasted_energy,
    in_summary=False,
)
SERVING: tuple[Figure, ...] = (GOODPUT, SLO_ATTAINMENT, ENERGY_PER_GOOD_REQUEST, WASTED_ENERGY)
"""In the order in which they are shown."""
