"""The headline figures of a result: times as estimates, energies with their budgets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.model import ModelInfo
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.performance.flops import request_flops
from llenergymeasure.metrics.performance.latency import mean_tpot_s, mean_ttft_s
from llenergymeasure.metrics.statistics.estimates import mean_estimate, ratio_estimate, total_estimate
from llenergymeasure.metrics.uncertainty.budget import Series, energy_budget


def time_estimates(rows: Sequence[WindowTotals]) -> dict[str, Estimate]:
    """Return the estimates of durations, rates and latencies that are known, by the name of their headline."""
    return {name: estimate for name, estimate in _times(rows).items() if estimate is not None}


def energy_budgets(rows: Sequence[WindowTotals]) -> dict[str, UncertaintyBudget]:
    """Return the budgets of all energies and powers, by the name of their headline.

    None of them where the energy of a window is unknown, and none per token or request where a window has none.
    """
    known = [row.energy.energy_j for row in rows if row.energy.energy_j is not None]
    if not known or len(known) < len(rows):
        return {}
    series = (
        Series(figure=figure, unit=unit, numerators=known, denominators=[count(row) for row in rows])
        for figure, unit, count in _figures(len(rows))
    )
    return {each.figure: energy_budget(each, rows) for each in series if min(each.denominators) > 0}


def total_flops(info: ModelInfo | None, rows: Sequence[WindowTotals]) -> float | None:
    """Return the reference FLOPs of all requests; None where the model's shape is not known."""
    if info is None:
        return None
    counts = [
        request_flops(info, request.prompt_tokens, request.output_tokens)
        for row in rows
        for request in row.requests
    ]
    known = [count for count in counts if count is not None]
    return math.fsum(known) if known and len(known) == len(counts) else None


def _times(rows: Sequence[WindowTotals]) -> dict[str, Estimate | None]:
    durations = [row.duration_s for row in rows]
    return {
        "total_inference_time_s": total_estimate(durations, unit="s", method="derived") if rows else None,
        "output_tokens_per_s": ratio_estimate(
            [float(row.output_tokens) for row in rows], durations, unit="tokens/s", method="derived"
        ),
        "ttft_s": _latency(rows, mean_ttft_s),
        "tpot_s": _latency(rows, mean_tpot_s),
    }


def _latency(
    rows: Sequence[WindowTotals], mean: Callable[[Sequence[RequestRecord]], float | None]
) -> Estimate | None:
    values = [mean(row.requests) for row in rows]
    known = [value for value in values if value is not None]
    return mean_estimate(known, unit="s", method="derived") if len(known) == len(values) else None


def _figures(windows: int) -> tuple[tuple[str, str, Callable[[WindowTotals], float]], ...]:
    """Return each figure with its unit and what its energy is divided by, window by window."""
    return (
        ("total_energy_j", "J", lambda _row: 1 / windows),
        ("mean_power_w", "W", lambda row: row.duration_s),
        ("energy_per_output_token_j", "J/token", lambda row: row.output_tokens),
        ("energy_per_input_token_j", "J/token", lambda row: row.input_tokens),
        ("energy_per_token_j", "J/token", lambda row: row.total_tokens),
        ("energy_per_request_j", "J/request", lambda row: len(row.requests)),
    )
