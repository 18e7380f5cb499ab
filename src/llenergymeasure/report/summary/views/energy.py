"""The energy of a result: over time, by phase, and over each count, gross, net and marginal."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.figures.figure import Figure
from llenergymeasure.report.summary.document import Bar, Bars, Block, Paragraph, Rows
from llenergymeasure.report.summary.figure_rows import figure_row, stated_figures
from llenergymeasure.report.summary.format import duration_text, quantity
from llenergymeasure.report.summary.views.power import power_chart
from llenergymeasure.results.opening import Bundle

BASES = {
    "Gross": "",
    "Net: less the idle power of the bare machine": "net_",
    "Marginal: less the idle power with the model loaded": "marginal_",
}
"""Heading of each group of views, and what the names of its figures begin with."""

SPLIT_METHODS = {
    "intervals": "By the intervals of the phases on the trace",
    "least_squares": "By least squares over the intervals that the sensors resolve",
    "model": "By a fitted cost of tokens and steps, because steps mix the phases",
}


def energy_blocks(bundle: Bundle) -> Iterator[Block]:
    """Yield power over time, prefill and decode, then each view of the energy by what was subtracted.

    Raises:
        ExperimentError: a table of the bundle cannot be read.
    """
    chart = power_chart(bundle)
    if chart is not None:
        yield chart
    result = bundle.result
    yield from _phases(result)
    energies = [*stated_figures(result, "energy", everything=True), *stated_figures(result, "power")]
    for heading, prefix in BASES.items():
        yield _rows(
            heading, result, [each for each in energies if _basis(each) == prefix and _is_energy(each)]
        )


def _phases(result: ExperimentResult) -> Iterator[Block]:
    """Yield the split into prefill and decode, or once why there is none."""
    split, figures = result.phase_split, list(stated_figures(result, "phases", everything=True))
    if split is None or not figures:
        return
    parts = {
        "Prefill": (split.prefill_energy_j, split.prefill_s),
        "Decode": (split.decode_energy_j, split.decode_s),
        "Rest": (split.rest_energy_j, split.rest_s),
    }
    known = {name: (part[0], part[1]) for name, part in parts.items() if part[0] is not None}
    if len(known) < len(parts):
        reason = split.reason or "the release that wrote this result gave no reason"
        yield Paragraph(text=f"Prefill and decode: unknown: {reason}.", tone="unknown")
        return
    whole = sum(energy_j for energy_j, _ in known.values()) or 1.0
    yield Bars(
        heading="Prefill and decode",
        bars=tuple(
            Bar(label=name, share=energy_j / whole, value=_part(energy_j / whole, energy_j, duration_s))
            for name, (energy_j, duration_s) in known.items()
        ),
    )
    yield _rows(SPLIT_METHODS[split.method or "intervals"], result, figures)


def _part(share: float, energy_j: float, duration_s: float | None) -> str:
    time = "" if duration_s is None else f" in {duration_text(duration_s)}"
    return f"{share:.1%}  {quantity(energy_j, 'J')}{time}"


def _rows(heading: str, result: ExperimentResult, figures: list[Figure]) -> Rows:
    return Rows(heading=heading, rows=tuple(figure_row(result, each.name, each.label) for each in figures))


def _basis(figure: Figure) -> str:
    return next((each for each in BASES.values() if each and figure.name.startswith(each)), "")


def _is_energy(figure: Figure) -> bool:
    return not figure.name.endswith("_w") and figure.name != "load_energy_j"
