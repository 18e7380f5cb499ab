"""The headline figures of a result, each as an estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.model import ModelInfo
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.metrics.flops import request_flops
from llenergymeasure.metrics.latency import mean_tpot_s, mean_ttft_s
from llenergymeasure.metrics.repeats import RepeatRow
from llenergymeasure.metrics.uncertainty import (
    energy_half_width_j,
    energy_ratio,
    mean_estimate,
    ratio_estimate,
    total_estimate,
)


def headline_estimates(rows: Sequence[RepeatRow], method: Method | None) -> dict[str, Estimate]:
    """Return the estimates of all headline figures that are known, by field name of the result."""
    found = {**_time(rows), **(_energy(rows, method) if method else {})}
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def total_flops(info: ModelInfo | None, rows: Sequence[RepeatRow]) -> float | None:
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


def _time(rows: Sequence[RepeatRow]) -> dict[str, Estimate | None]:
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
    rows: Sequence[RepeatRow], mean: Callable[[Sequence[RequestRecord]], float | None]
) -> Estimate | None:
    values = [mean(row.requests) for row in rows]
    known = [value for value in values if value is not None]
    return mean_estimate(known, unit="s", method="derived") if len(known) == len(values) else None


def _energy(rows: Sequence[RepeatRow], method: Method) -> dict[str, Estimate | None]:
    known = [row.joules.energy_j for row in rows if row.joules.energy_j is not None]
    if not known or len(known) < len(rows):
        return {}
    return {
        "total_energy_j": total_estimate(known, unit="J", method=method, fixed=energy_half_width_j(rows)),
        "mean_power_w": energy_ratio(rows, lambda row: row.duration_s, unit="W", method=method),
        "energy_per_output_token_j": energy_ratio(
            rows, lambda row: row.output_tokens, unit="J/token", method=method
        ),
        "energy_per_input_token_j": energy_ratio(
            rows, lambda row: row.input_tokens, unit="J/token", method=method
        ),
        "energy_per_token_j": energy_ratio(rows, lambda row: row.total_tokens, unit="J/token", method=method),
        "energy_per_request_j": energy_ratio(
            rows, lambda row: len(row.requests), unit="J/request", method=method
        ),
    }
