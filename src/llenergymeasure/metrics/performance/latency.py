"""Latency of requests: time to first token, time per output token after it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from llenergymeasure.domain.request import RequestRecord


def mean_ttft_s(requests: Iterable[RequestRecord]) -> float | None:
    """Return the mean time from schedule to first token; None where no request has one."""
    return _mean(
        (request.first_token_unix_ns - request.scheduled_unix_ns) / 1e9
        for request in requests
        if request.first_token_unix_ns is not None
    )


def mean_tpot_s(requests: Iterable[RequestRecord]) -> float | None:
    """Return the mean over requests of (last token - first token) / (output tokens - 1); None without any."""
    return _mean(
        (request.token_unix_ns[-1] - request.token_unix_ns[0]) / 1e9 / (len(request.token_unix_ns) - 1)
        for request in requests
        if len(request.token_unix_ns) > 1
    )


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return math.fsum(known) / len(known) if known else None
