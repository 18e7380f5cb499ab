"""Figures of speculative decoding: how many of the proposed tokens were right, and what that cost."""

from __future__ import annotations

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.model.info import explained
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.attribution.by_request.attribute import NO_STEPS
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.energies import NO_ENERGY, energy_over
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.figures.quantities import ENERGY
from llenergymeasure.metrics.figures.speed import ratio

NOTHING_PROPOSED = (
    "no tokens were proposed in the windows (speculative decoding is off, or found nothing to propose)"
)


def _verifying(row: WindowTotals, inputs: FigureInputs) -> StepTable:
    """Return the steps of a window that could verify proposed tokens; a step belongs to the window in which it ends."""
    steps = StepTable.empty() if inputs.steps is None else inputs.steps
    inside = steps.ended_in(row.window.start_unix_ns, row.window.end_unix_ns)
    return steps.select(inside & (steps.drafted_tokens != UNKNOWN))


def _drafted(row: WindowTotals, inputs: FigureInputs) -> int:
    return int(_verifying(row, inputs).drafted_tokens.sum())


def _accepted(row: WindowTotals, inputs: FigureInputs) -> int:
    return int(_verifying(row, inputs).accepted_tokens.sum())


def _requests(row: WindowTotals, inputs: FigureInputs) -> int:
    """Return the requests that verifying steps served, each once a step: it gets one token of the model itself."""
    return int(_verifying(row, inputs).requests.sum())


DRAFTED = Quantity(text="drafted tokens", of=_drafted)
ACCEPTED = Quantity(text="accepted tokens", of=_accepted)
WRITTEN = Quantity(
    text="accepted tokens + requests of the steps",
    of=lambda row, inputs: _accepted(row, inputs) + _requests(row, inputs),
)
REQUESTS_OF_STEPS = Quantity(text="requests of the steps", of=lambda row, inputs: _requests(row, inputs))


def speculative_ratio(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the ratio of the figure's sums over the windows, with the interval of the windows' single ratios."""
    return _nothing_speculates(inputs) or ratio(figure, inputs)


def energy_of_accepted(figure: Figure, inputs: FigureInputs) -> UncertaintyBudget | Unknown:
    """Return the energy of the windows over the accepted tokens."""
    return _nothing_speculates(inputs) or energy_over(figure, inputs)


def _nothing_speculates(inputs: FigureInputs) -> Unknown | None:
    if inputs.steps is None:
        return Unknown(reason=explained(NO_STEPS, inputs.model_info, "steps"))
    proposed = any(_drafted(row, inputs) for row in inputs.rows)
    return None if proposed else Unknown(reason=NOTHING_PROPOSED)


ACCEPTANCE_RATE = Figure(
    name="acceptance_rate",
    label="Acceptance rate",
    unit="accepted/drafted",
    better="higher",
    section="work",
    numerator=ACCEPTED,
    denominator=DRAFTED,
    formula="accepted tokens / drafted tokens of the steps that end in the windows",
    differs="AIPerf (draft acceptance rate): the same",
    missing_because=f"{NO_STEPS}, or {NOTHING_PROPOSED}",
    compute=speculative_ratio,
)
TOKENS_PER_STEP = Figure(
    name="tokens_per_step",
    label="Tokens per step",
    unit="tokens/step",
    better="higher",
    section="work",
    numerator=WRITTEN,
    denominator=REQUESTS_OF_STEPS,
    formula="(accepted tokens + requests) / requests, each counted once in every step of speculative decoding that "
    "ends in the windows: a request gets the accepted tokens and one of the model itself",
    differs="AIPerf (mean acceptance length): 1 + accepted tokens / the speculative steps that the server reports",
    missing_because=f"{NO_STEPS}, or {NOTHING_PROPOSED}",
    compute=speculative_ratio,
    in_summary=False,
)
ENERGY_PER_ACCEPTED_TOKEN = Figure(
    name="energy_per_accepted_token_j",
    label="Energy per accepted token",
    unit="J/token",
    better="lower",
    section="work",
    numerator=ENERGY,
    denominator=ACCEPTED,
    formula="energy of the windows / accepted tokens; prompts, the proposing itself, and tokens that were rejected or "
    "not proposed are in the energy and do not count below",
    missing_because=f"{NO_STEPS}, or {NOTHING_PROPOSED}; {NO_ENERGY}; or a window has no accepted tokens",
    compute=energy_of_accepted,
    in_summary=False,
)
SPECULATION: tuple[Figure, ...] = (ACCEPTANCE_RATE, TOKENS_PER_STEP, ENERGY_PER_ACCEPTED_TOKEN)
"""In the order in which they are shown."""
