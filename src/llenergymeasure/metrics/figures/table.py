"""The table of figures: one row for each named result, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.breakdowns.roofline import Roofline
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.figures import (
    energies,
    idle,
    phases,
    prices,
    speculation,
    speed,
    views,
    work,
    work_done,
)
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Unknown
from llenergymeasure.metrics.figures.latency import latency_with_failures
from llenergymeasure.metrics.figures.roofline import roofline
from llenergymeasure.metrics.figures.serving.goodput import REQUEST_RATE, SERVING
from llenergymeasure.metrics.figures.utilisation import UTILISATIONS
from llenergymeasure.metrics.statistics.estimates import budget_estimate

FIGURES: tuple[Figure, ...] = (
    energies.TOTAL_ENERGY,
    energies.ENERGY_PER_OUTPUT_TOKEN,
    energies.ENERGY_PER_INPUT_TOKEN,
    energies.ENERGY_PER_TOKEN,
    energies.ENERGY_PER_REQUEST,
    *views.ENERGY_VIEWS,
    energies.MEAN_POWER,
    idle.IDLE_POWER,
    idle.CONTEXT_POWER,
    idle.LOADED_POWER,
    idle.NET_ENERGY,
    idle.MARGINAL_ENERGY,
    idle.LOAD_ENERGY,
    *phases.PHASES,
    speed.DURATION_OF_WINDOWS,
    speed.OUTPUT_THROUGHPUT,
    REQUEST_RATE,
    speed.TTFT,
    speed.TPOT,
    work.TOTAL_REQUESTS,
    work.FAILED_REQUESTS,
    work.TOTAL_INPUT_TOKENS,
    views.CACHED_INPUT,
    work.TOTAL_OUTPUT_TOKENS,
    work.TOTAL_TOKENS,
    *work_done.WORK_DONE,
    *UTILISATIONS,
    *speculation.SPECULATION,
    *SERVING,
    prices.PER_PROMPT_TOKEN,
    prices.PER_OUTPUT_TOKEN,
    prices.PER_REQUEST,
    prices.PER_STEP,
)
"""A new figure is one row here, in the file of its group or in one of its own."""


@dataclass(frozen=True, kw_only=True)
class FigureValues:
    """All figures of a run by name: estimates, the budgets of energies, and why the others are unknown."""

    estimates: Mapping[str, Estimate]
    uncertainty: Mapping[str, UncertaintyBudget]
    unknown: Mapping[str, str]
    roofline: Roofline | None = None
    latency: Mapping[str, Distribution] = field(default_factory=dict)
    latency_with_failures: Mapping[str, Distribution] = field(default_factory=dict)

    @property
    def headline(self) -> dict[str, float | None]:
        """The value of each figure, None where it is unknown."""
        values = {name: estimate.value for name, estimate in self.estimates.items()}
        return {**values, **dict.fromkeys(self.unknown)}


def compute_figures(inputs: FigureInputs) -> FigureValues:
    """Compute every row of the table."""
    computed = {figure.name: _compute(figure, inputs) for figure in FIGURES}
    budgets = {name: each for name, each in computed.items() if isinstance(each, UncertaintyBudget)}
    estimates = {
        name: budget_estimate(each, inputs.method or "derived")
        if isinstance(each, UncertaintyBudget)
        else each
        for name, each in computed.items()
        if not isinstance(each, Unknown)
    }
    unknown = {name: each.reason for name, each in computed.items() if isinstance(each, Unknown)}
    return FigureValues(
        estimates=estimates,
        uncertainty=budgets,
        unknown=unknown,
        roofline=roofline(inputs),
        latency=inputs.latency,
        latency_with_failures=latency_with_failures(inputs.rows, inputs.model_info),
    )


def find_figure(name: str) -> Figure | None:
    """Return the row of a figure; None for a name that this version does not know."""
    return next((figure for figure in FIGURES if figure.name == name), None)


def figure_label(name: str) -> str:
    """Return what a person calls a figure: its name where this version does not know it."""
    figure = find_figure(name)
    return name if figure is None else figure.label


def in_table_order(names: Mapping[str, object]) -> list[str]:
    """Return names of figures in the order of the table, those that this version does not know last."""
    order = {figure.name: place for place, figure in enumerate(FIGURES)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def _compute(figure: Figure, inputs: FigureInputs) -> Estimate | UncertaintyBudget | Unknown:
    if figure.needs_gpu and inputs.device == "cpu":
        return Unknown(reason="the model ran on a CPU")
    return figure.compute(figure, inputs)
