"""What one more prompt token, output token, request and step costs, as combinations of the costs of steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.by_request.attribute import Attribution
from llenergymeasure.metrics.attribution.by_request.step_cost import measured_j, predicted_j
from llenergymeasure.metrics.attribution.by_request.sums import summed
from llenergymeasure.metrics.attribution.by_request.timeline import CONTEXT, COSTS, DECODE, PREFILL, STEP
from llenergymeasure.metrics.statistics.student import relative_half_width

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanRequest:
    """The mean of the answered requests that were scheduled and ended in a window, as the steps saw them."""

    steps: float
    """In which it took part."""
    prefill_tokens: float
    decode_tokens: float
    context_tokens: float
    """Over all its steps."""
    last_context_tokens: float
    """When its last step ended, and one more: the context of one more output token."""


def mean_request(attribution: Attribution) -> MeanRequest | None:
    """Return the mean request; None where none took part in a step."""
    part, requests = attribution.participation, len(attribution.requests)
    counts = np.bincount(part.request, minlength=requests)
    kept = attribution.is_whole & (counts > 0)
    if not kept.any():
        return None

    def mean(amounts: Floats) -> float:
        return float(summed(part.request, amounts, requests)[kept].mean())

    whole = attribution.requests.select(kept)
    return MeanRequest(
        steps=float(counts[kept].mean()),
        prefill_tokens=mean(part.prefill_tokens),
        decode_tokens=mean(part.decode_tokens),
        context_tokens=mean(part.context_tokens),
        last_context_tokens=float((whole.prompt_tokens + whole.output_tokens).mean()),
    )


def one_more_step(_: MeanRequest) -> Floats:
    """Return the combination of `COSTS` that is the price of one more step, whoever is in it."""
    return _amounts({STEP: 1.0})


def one_more_prompt_token(mean: MeanRequest) -> Floats:
    """Return that of a prompt token: it is read once, and is context in each step of its request."""
    return _amounts({PREFILL: 1.0, CONTEXT: mean.steps})


def one_more_output_token(mean: MeanRequest) -> Floats:
    """Return that of an output token at the end of a mean request, in a step that runs anyway, with its context."""
    return _amounts({DECODE: 1.0, CONTEXT: mean.last_context_tokens})


def one_more_request(mean: MeanRequest) -> Floats:
    """Return that of a mean request in steps that run anyway."""
    return _amounts({PREFILL: mean.prefill_tokens, DECODE: mean.decode_tokens, CONTEXT: mean.context_tokens})


def repeat_scatter(attribution: Attribution) -> float | None:
    """Return the relative 95 % half-width by which repeats differ from the model together; None for a single one."""
    windows = len(attribution.windows)
    predicted = predicted_j(attribution.rows, attribution.costs, windows)
    measured = measured_j(attribution.rows, windows)
    if windows < 2 or (predicted <= 0).any():
        return None
    return relative_half_width((measured / predicted).tolist())


def _amounts(given: dict[int, float]) -> Floats:
    amounts = np.zeros(len(COSTS))
    for column, amount in given.items():
        amounts[column] = amount
    return amounts
