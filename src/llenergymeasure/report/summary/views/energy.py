"""The energy of a result: over time, by phase, and over each count, gross, net and marginal."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.figures.figure import Figure
from llenergymeasure.report.summary.document import Block, Rows
from llenergymeasure.report.summary.figure_rows import figure_row, stated_figures
from llenergymeasure.report.summary.views.power import power_chart
from llenergymeasure.results.opening import Bundle

BASES = {
    "Gross": "",
    "Net: less the idle power of the bare machine": "net_",
    "Marginal: less the idle power with the model loaded": "marginal_",
}
"""Heading of each group of views, and what the names of its figures begin with."""


def energy_blocks(bundle: Bundle) -> Iterator[Block]:
    """Yield power over time, prefill and decode, then each view of the energy by what was subtracted.

    Raises:
        ExperimentError: a table of the bundle cannot be read.
    """
    chart = power_chart(bundle)
    if chart is not None:
        yield chart
    result = bundle.result
    phases = list(stated_figures(result, "phases", everything=True))
    if phases:
        yield _rows("Prefill and decode", result, phases)
    energies = [*stated_figures(result, "energy", everything=True), *stated_figures(result, "power")]
    for heading, prefix in BASES.items():
        yield _rows(
            heading, result, [each for each in energies if _basis(each) == prefix and _is_energy(each)]
        )


def _rows(heading: str, result: ExperimentResult, figures: list[Figure]) -> Rows:
    return Rows(heading=heading, rows=tuple(figure_row(result, each.name, each.label) for each in figures))


def _basis(figure: Figure) -> str:
    return next((each for each in BASES.values() if each and figure.name.startswith(each)), "")


def _is_energy(figure: Figure) -> bool:
    return not figure.name.endswith("_w") and figure.name != "load_energy_j"
