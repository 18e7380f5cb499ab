"""What the result says about an attribution: spreads, shares, and how good the model is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.breakdowns.attribution import (
    AttributionSummary,
    EnergySpread,
    FittedCosts,
    ObservedRange,
)
from llenergymeasure.metrics.attribution.by_request.attribute import Attribution
from llenergymeasure.metrics.attribution.by_request.shapley import ShapleyValues, sampled_shapley
from llenergymeasure.metrics.attribution.by_request.step_cost import out_of_sample_errors
from llenergymeasure.metrics.statistics.estimates import SINGLE_REPEAT


def summarise_attribution(attribution: Attribution) -> AttributionSummary:
    """Return the summary of an attribution."""
    costs, energies = attribution.costs, attribution.energies
    errors = out_of_sample_errors(attribution.rows, len(attribution.windows))
    requests_j = float(sum(each.energy_j.sum() for each in energies))
    idle_j, overhead_j = (sum(each.idle_j for each in energies), sum(each.overhead_j for each in energies))
    window_j = requests_j + idle_j + overhead_j
    prefill_j, decode_j = _of_whole_requests(attribution)
    condition = costs.condition_number
    step_j, prefill_token_j, decode_token_j, context_token_j, idle_w = costs.total.tolist()
    return AttributionSummary(
        requests=len(prefill_j),
        prefill=_spread(prefill_j),
        decode=_spread(decode_j),
        total=_spread(prefill_j + decode_j),
        requests_energy_j=requests_j,
        idle_energy_j=idle_j,
        overhead_energy_j=overhead_j,
        idle_share=idle_j / window_j if window_j else None,
        overhead_share=overhead_j / window_j if window_j else None,
        r2=costs.r2,
        costs=FittedCosts(
            step_j=step_j,
            prefill_token_j=prefill_token_j,
            decode_token_j=decode_token_j,
            context_token_j=context_token_j,
            idle_power_w=idle_w,
        ),
        condition_number=condition if math.isfinite(condition) else None,
        out_of_sample_error=float(np.sqrt(np.mean(errors**2))) if len(errors) else None,
        out_of_sample_reason=None if len(errors) else SINGLE_REPEAT,
        **_against_shapley(attribution),
        **_ranges(attribution),
    )


def _of_whole_requests(attribution: Attribution) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the energies by phase of the answered requests that were scheduled and ended in a window."""
    prefill, decode = [np.empty(0)], [np.empty(0)]
    for each in attribution.energies:
        kept = attribution.is_whole[each.request]
        kept &= attribution.requests.closed_unix_ns[each.request] <= each.window.end_unix_ns
        kept &= attribution.requests.closed_unix_ns[each.request] > each.window.start_unix_ns
        prefill.append(each.prefill_j[kept])
        decode.append(each.decode_j[kept])
    return np.concatenate(prefill), np.concatenate(decode)


def _spread(energy_j: NDArray[np.float64]) -> EnergySpread | None:
    if not len(energy_j):
        return None
    p50, p95 = np.quantile(energy_j, (0.5, 0.95))
    return EnergySpread(
        mean_j=float(energy_j.mean()), p50_j=float(p50), p95_j=float(p95), max_j=float(energy_j.max())
    )


def _against_shapley(attribution: Attribution) -> dict[str, Any]:
    """Return the distance of the energies of requests to their Shapley values, over all windows together."""
    sampled = shapley_values(attribution)
    ours_j = np.zeros(len(attribution.requests))
    took_part = np.zeros(len(attribution.requests), dtype=bool)
    for each in attribution.energies:
        ours_j[each.request] += each.energy_j
        took_part[each.request] = True
    mean_j = float(ours_j[took_part].mean()) if took_part.any() else 0.0
    if mean_j <= 0:
        return {}
    return {
        "shapley_distance": float(np.abs(ours_j - sampled.value_j)[took_part].mean()) / mean_j,
        "shapley_sampling_error": float(sampled.error_j[took_part].mean()) / mean_j,
        "shapley_orders": sampled.orders,
    }


def shapley_values(attribution: Attribution) -> ShapleyValues:
    """Return the Shapley values of all requests over the windows, of the parts of steps that lie in them."""
    part, shares = attribution.participation, attribution.shares
    fraction = np.zeros(len(shares.members))
    for each in attribution.windows:
        is_step = each.timeline.step >= 0
        np.add.at(fraction, each.timeline.step[is_step], each.timeline.fraction[is_step])
    of_entry = fraction[part.step]
    kept = of_entry > 0
    return sampled_shapley(
        part.step[kept],
        part.request[kept],
        shares.own_j[kept] * of_entry[kept],
        shares.fixed_j[kept] * of_entry[kept],
        len(attribution.requests),
    )


def _ranges(attribution: Attribution) -> dict[str, ObservedRange | None]:
    """Return within which lengths and batch sizes the prices were observed."""
    part, shares = attribution.participation, attribution.shares
    steps = np.concatenate([each.timeline.step for each in attribution.windows])
    is_inside = np.zeros(len(shares.members), dtype=bool)
    is_inside[steps[steps >= 0]] = True
    served = attribution.requests.select(attribution.is_whole)
    return {
        "prompt_tokens": _range(served.prompt_tokens),
        "output_tokens": _range(served.output_tokens),
        "requests_per_step": _range(shares.members[is_inside & (shares.members > 0)]),
        "context_tokens": _range(part.context_tokens[is_inside[part.step]]),
    }


def _range(values: NDArray[np.generic]) -> ObservedRange | None:
    if not len(values):
        return None
    return ObservedRange(least=int(values.min()), most=int(values.max()))
