"""Rows about served traffic: which load the figures are of, objectives, and the knee."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.breakdowns.traffic import Attainment, Rung, TrafficSummary
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.report.summary.document import Row
from llenergymeasure.report.summary.format import estimate_text, number, plural, quantity

UNITS = {"closed": "in flight"}
"""Of a load, by its kind; requests per second otherwise."""
OBJECTIVES = {"ttft_s": "TTFT", "tpot_s": "TPOT", "e2e_s": "Whole request"}


def load_rows(result: ExperimentResult) -> Iterator[Row]:
    """Yield which of several loads the figures are of, and the knee."""
    serving, headline = result.traffic, result.traffic.headline
    if serving.headline_rung is None or headline is None:
        return
    yield Row(
        label="Figures are of", value=f"{load_text(result, headline)}, one of {len(serving.rungs)} loads"
    )
    yield from knee_rows(serving)


def knee_rows(serving: TrafficSummary) -> Iterator[Row]:
    """Yield the knee of the curve, or why it is unknown."""
    knee = serving.knee
    if knee is None:
        return
    if knee.load is None:
        yield Row(label="Knee of the curve", value=f"unknown: {knee.reason}", tone="unknown")
        return
    yield Row(label="Knee of the curve", value=estimate_text(knee.load))
    if knee.capacity is not None:
        yield Row(label="Capacity", value=estimate_text(knee.capacity))


def load_text(result: ExperimentResult, rung: Rung) -> str:
    """Return the load of a rung: `4 requests/s`, `8 in flight`, `the trace`."""
    load = result.config.get("load")
    kind = str(load.get("kind")) if isinstance(load, dict) else ""
    if rung.load is None:
        return "the trace" if kind == "replay" else "one load"
    return f"{number(rung.load) if rung.load % 1 else f'{rung.load:,.0f}'} {UNITS.get(kind, 'requests/s')}"


def objective_rows(result: ExperimentResult) -> Iterator[Row]:
    """Yield how many requests kept each objective, and whether that is enough."""
    slo = result.config.get("slo")
    percentile = slo.get("percentile") if isinstance(slo, dict) else None
    for each in result.traffic.objectives:
        label = objective_text(each)
        if each.fraction is None:
            yield Row(label=label, value=f"unknown: {each.reason}", tone="unknown")
            continue
        asked = "" if percentile is None else f" ({percentile:g} % asked: {_verdict(each)})"
        value = f"{percent_text(each.fraction)} of {plural(each.requests, 'request')}{asked}"
        yield Row(label=label, value=value, tone="figure" if each.is_met else "warning")


def objective_text(attainment: Attainment) -> str:
    """Return an objective: `TTFT at most 500 ms`."""
    if attainment.limit_s is None:
        return "All that apply"
    return f"{OBJECTIVES.get(attainment.objective, attainment.objective)} at most {quantity(attainment.limit_s, 's')}"


def percent_text(fraction: Estimate) -> str:
    """Return a fraction as percent with the ends of its interval: `98.7 % (97.1 to 99.4)`."""
    value = f"{100 * fraction.value:.1f} %"
    if fraction.low is None or fraction.high is None:
        return value
    return f"{value} ({100 * fraction.low:.1f} to {100 * fraction.high:.1f})"


def _verdict(attainment: Attainment) -> str:
    word = "met" if attainment.is_met else "not met"
    return word if attainment.is_certain else f"{word}, not certain"
