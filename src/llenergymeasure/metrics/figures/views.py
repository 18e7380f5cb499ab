"""Views of the windows' energy: per token and request, and tokens per joule; each gross, net and marginal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.figures.energies import NO_ENERGY, energy_over
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.figures.idle import BARE, LOADED
from llenergymeasure.metrics.figures.quantities import (
    CACHED_INPUT_TOKENS,
    COMPUTED_INPUT_TOKENS,
    ENERGY,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    REQUESTS,
    THOUSAND_REQUESTS_WH,
    TOKENS,
)
from llenergymeasure.metrics.figures.work import count
from llenergymeasure.metrics.statistics.estimates import budget_estimate

Budget = Callable[[Figure, FigureInputs], UncertaintyBudget | Unknown]


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What is subtracted from the energy of the windows before it is divided."""

    prefix: str
    """Of the name of a figure."""
    words: str
    energy: Quantity
    budget: Budget
    missing: str


GROSS = Basis(prefix="", words="", energy=ENERGY, budget=energy_over, missing=NO_ENERGY)
NET = Basis(
    prefix="net_",
    words="net ",
    energy=Quantity(text="energy less idle energy", of=BARE.beyond_j),
    budget=BARE.energy_beyond,
    missing=f"`idle_power_w` is unknown, {NO_ENERGY}",
)
MARGINAL = Basis(
    prefix="marginal_",
    words="marginal ",
    energy=Quantity(text="energy less idle energy of the loaded model", of=LOADED.beyond_j),
    budget=LOADED.energy_beyond,
    missing=f"`loaded_power_w` is unknown, {NO_ENERGY}",
)
BASES = (GROSS, NET, MARGINAL)


@dataclass(frozen=True, kw_only=True)
class View:
    """A divisor of energy: the end of the figure's name, its label and its unit."""

    name: str
    label: str
    unit: str
    divisor: Quantity
    formula: str
    missing: str = ""
    differs: str | None = None


STATED_GROSS = (
    View(
        name="energy_per_output_token_j",
        label="energy per output token",
        unit="J/token",
        divisor=OUTPUT_TOKENS,
        formula="output tokens (input tokens count nothing)",
        missing="a window has no output tokens",
    ),
    View(
        name="energy_per_input_token_j",
        label="energy per input token",
        unit="J/token",
        divisor=INPUT_TOKENS,
        formula="input tokens, cached ones included (output tokens count nothing)",
        missing="a window has no input tokens",
    ),
    View(
        name="energy_per_token_j",
        label="energy per token",
        unit="J/token",
        divisor=TOKENS,
        formula="(input tokens + output tokens)",
        missing="a window has no tokens",
    ),
    View(
        name="energy_per_request_j",
        label="energy per request",
        unit="J/request",
        divisor=REQUESTS,
        formula="answered requests",
        missing="a window has no requests",
    ),
)
"""Views whose gross figure has a row of its own on the one screen of a result."""
FURTHER = (
    View(
        name="energy_per_computed_input_token_j",
        label="energy per computed input token",
        unit="J/token",
        divisor=COMPUTED_INPUT_TOKENS,
        formula="(input tokens − those from a prefix cache)",
        missing="the backend does not report cached tokens, or a window computed no input token",
        differs="tools that count cached tokens as read make a prompt that hits a cache look cheaper to compute",
    ),
    View(
        name="energy_per_1000_requests_wh",
        label="energy per 1,000 requests",
        unit="Wh",
        divisor=THOUSAND_REQUESTS_WH,
        formula="answered requests × 1,000, in watt-hours",
        missing="a window has no requests",
        differs="AI Energy Score states Wh per 1,000 queries of the GPU alone, at batch size 1",
    ),
)


def _views() -> Iterator[Figure]:
    for basis in BASES:
        for view in (*(STATED_GROSS if basis is not GROSS else ()), *FURTHER):
            yield _quotient(basis, view)
        yield from (
            _tokens_per_joule(basis, OUTPUT_TOKENS, "output_"),
            _tokens_per_joule(basis, TOKENS, ""),
        )


def _quotient(basis: Basis, view: View) -> Figure:
    label = f"{basis.words}{view.label}"
    return Figure(
        name=f"{basis.prefix}{view.name}",
        label=label[0].upper() + label[1:],
        unit=view.unit,
        better="lower",
        section="energy",
        numerator=basis.energy,
        denominator=view.divisor,
        formula=f"{basis.words}energy / {view.formula}",
        missing_because=f"{basis.missing}; or {view.missing}",
        differs=view.differs,
        compute=basis.budget,
        in_summary=False,
    )


def _tokens_per_joule(basis: Basis, tokens: Quantity, prefix: str) -> Figure:
    label = f"{prefix.replace('_', ' ')}tokens per joule{f', {basis.words.strip()}' if basis.words else ''}"
    return Figure(
        name=f"{basis.prefix}{prefix}tokens_per_j",
        label=label[0].upper() + label[1:],
        unit="tokens/J",
        better="higher",
        section="energy",
        numerator=tokens,
        denominator=basis.energy,
        formula=f"{tokens.text} / {basis.words}energy",
        missing_because=f"{basis.missing}; or the {basis.words}energy is not above 0",
        compute=lambda figure, inputs: _inverse(figure, inputs, basis, tokens),
        in_summary=False,
    )


def _inverse(figure: Figure, inputs: FigureInputs, basis: Basis, tokens: Quantity) -> Estimate | Unknown:
    """Return one over the energy per token, with one over the ends of its interval.

    The interval of an inverse is not symmetric, and has no upper end where the energy may be 0.
    """
    budget = basis.budget(replace(figure, denominator=tokens), inputs)
    if isinstance(budget, Unknown):
        return budget
    per_token = budget_estimate(budget, inputs.method or "derived")
    if per_token.value <= 0:
        return Unknown(reason=f"the {basis.words}energy is not above 0")
    value, method = 1 / per_token.value, per_token.method
    if per_token.low is None or per_token.high is None:
        return Estimate(value=value, unit=figure.unit, method=method, reason=per_token.reason)
    if per_token.low <= 0:
        reason = f"its interval has no upper end: the {basis.words}energy may be 0"
        return Estimate(value=value, unit=figure.unit, method=method, reason=reason)
    return Estimate(
        value=value,
        low=min(1 / per_token.high, value),
        high=max(1 / per_token.low, value),
        unit=figure.unit,
        method=method,
        reason=per_token.reason,
    )


def cached_tokens(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the input tokens that came from a prefix cache; unknown where a request does not say."""
    if any(row.cached_input_tokens is None for row in inputs.rows):
        return Unknown(reason=figure.missing_because)
    return count(figure, inputs)


ENERGY_VIEWS: tuple[Figure, ...] = tuple(_views())
CACHED_INPUT = Figure(
    name="cached_input_tokens",
    label="Cached input tokens",
    unit="tokens",
    better=None,
    section="work",
    numerator=CACHED_INPUT_TOKENS,
    formula="count of the prompt tokens of the windows that came from a prefix cache",
    missing_because="the backend does not report cached tokens",
    compute=cached_tokens,
    in_summary=False,
)
