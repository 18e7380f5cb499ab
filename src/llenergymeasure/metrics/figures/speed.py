"""Figures of time: durations, throughput, latency."""

from __future__ import annotations

from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.figures.quantities import DURATION, OUTPUT_TOKENS
from llenergymeasure.metrics.statistics.estimates import ratio_estimate


def total(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the sum of the figure's numerator over the windows, with the interval of another sum of as many."""
    if not inputs.rows:
        return exact(0.0, figure.unit, "derived")
    values = _values(figure.numerator, inputs)
    if not values:
        return Unknown(reason=figure.missing_because)
    estimate = ratio_estimate(values, inputs.shares, unit=figure.unit, method="derived")
    return Unknown(reason=figure.missing_because) if estimate is None else estimate


def ratio(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the sum of numerators over the sum of denominators, with the interval of the windows' single ratios."""
    numerators, denominators = _values(figure.numerator, inputs), _values(figure.denominator, inputs)
    estimate = ratio_estimate(numerators, denominators, unit=figure.unit, method="derived")
    return Unknown(reason=figure.missing_because) if estimate is None else estimate


def mean_latency(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the mean of the latency metric of the same name."""
    found = inputs.latency[figure.name]
    return found.statistics.get("mean") or Unknown(reason=found.unknown["mean"])


def _values(quantity: Quantity | None, inputs: FigureInputs) -> list[float]:
    """Return a quantity window by window; nothing where it is unknown in one of them."""
    if quantity is None:
        return []
    values = [quantity.of(row, inputs) for row in inputs.rows]
    known = [float(value) for value in values if value is not None]
    return known if len(known) == len(values) else []


DURATION_OF_WINDOWS = Figure(
    name="total_inference_time_s",
    label="Duration of the windows",
    unit="s",
    better="lower",
    section="speed",
    numerator=DURATION,
    formula="sum of the durations of the windows",
    missing_because="never (0 without a complete window)",
    compute=total,
    in_summary=False,
)
OUTPUT_THROUGHPUT = Figure(
    name="output_tokens_per_s",
    label="Output tokens per second",
    unit="tokens/s",
    better="higher",
    section="speed",
    numerator=OUTPUT_TOKENS,
    denominator=DURATION,
    formula="output tokens / duration of the windows",
    missing_because="no window was completed",
    compute=ratio,
)
TTFT = Figure(
    name="ttft_s",
    label="Time to first token",
    unit="s",
    better="lower",
    section="speed",
    formula="`mean` of [`latency.ttft_s`](#latencyttft_s)",
    missing_because="the backend reports no time of the first token",
    compute=mean_latency,
)
TPOT = Figure(
    name="tpot_s",
    label="Time per output token",
    unit="s",
    better="lower",
    section="speed",
    formula="`mean` of [`latency.tpot_s`](#latencytpot_s)",
    missing_because="the backend reports no token times, or no request has a token after its first chunk",
    compute=mean_latency,
)
