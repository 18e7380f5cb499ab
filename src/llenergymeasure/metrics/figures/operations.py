"""Figures of floating-point operations and of bytes moved, prefill and decoding apart."""

from __future__ import annotations

import math
from collections.abc import Callable

from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.energies import energy_over
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.performance.work.window_work import NO_SHAPE, PhaseWork, Work

Part = Callable[[Work], PhaseWork]
Compute = Callable[[Figure, FigureInputs], Estimate | UncertaintyBudget | Unknown]

NO_MODEL = "the backend does not state the shape of the model, or does not understand its architecture"
NO_EXECUTED = f"{NO_MODEL}; or what the implementation executes is unknown"
NO_BYTES = f"{NO_MODEL}; or which requests were computed together, or the size of a cached number, is unknown"


def in_prefill(work: Work) -> PhaseWork:
    """Return the work of the passes over prompts."""
    return work.prefill


def in_decoding(work: Work) -> PhaseWork:
    """Return the work of the passes after those."""
    return work.decode


def in_both(work: Work) -> PhaseWork:
    """Return the work of all passes."""
    return work.total


def amount(name: str, text: str, part: Part, *, unit: float = 1.0) -> Quantity:
    """Return a quantity of a window's work: the field `name` of one of its phases, in so large a unit."""

    def of(row: WindowTotals, inputs: FigureInputs) -> float | None:
        value: float | None = getattr(part(inputs.work_of(row)), name)
        return None if value is None else value / unit

    return Quantity(text=text, of=of)


def total(*names: str) -> Compute:
    """Return what computes the sum of a numerator over the windows: it follows from counts, and so is exact."""

    def compute(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
        value = _sum(figure.numerator, inputs)
        return _why(inputs, names) if value is None else exact(value, figure.unit, "counted")

    return compute


def ratio(*names: str) -> Compute:
    """Return what computes the sum of a numerator over that of a denominator, exact as both are."""

    def compute(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
        numerator, denominator = _sum(figure.numerator, inputs), _sum(figure.denominator, inputs)
        if numerator is None or denominator is None:
            return _why(inputs, names)
        if not denominator:
            return Unknown(reason="no token went through the model in this phase")
        return exact(numerator / denominator, figure.unit, "counted")

    return compute


def energy_per_work(figure: Figure, inputs: FigureInputs) -> UncertaintyBudget | Unknown:
    """Return the energy of the windows over their FLOPs, with its uncertainty budget."""
    if inputs.rows and _sum(figure.denominator, inputs) is None:
        return _why(inputs, ("flops_model",))
    return energy_over(figure, inputs)


def _sum(quantity: Quantity | None, inputs: FigureInputs) -> float | None:
    values = [] if quantity is None else [quantity.of(row, inputs) for row in inputs.rows]
    known = [value for value in values if value is not None]
    return math.fsum(known) if known and len(known) == len(values) else None


def _why(inputs: FigureInputs, names: tuple[str, ...]) -> Unknown:
    """Return why one of some fields of work is unknown, as the first window without it says."""
    reasons = (inputs.work_of(row).unknown.get(name) for row in inputs.rows for name in names)
    without_windows = NO_SHAPE if inputs.rows else "no window was completed"
    return Unknown(reason=next((reason for reason in reasons if reason), without_windows))
