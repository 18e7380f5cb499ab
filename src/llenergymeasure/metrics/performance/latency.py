"""Latency of requests: time to first token (TTFT), time per output token after it (TPOT)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llenergymeasure.domain.request_table import UNKNOWN, RequestTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mean_ttft_s(requests: RequestTable) -> float | None:
    """Return the mean time to first token, in seconds from the scheduled time; None where no request has one."""
    return _mean(ttft_s(requests))


def mean_tpot_s(requests: RequestTable) -> float | None:
    """Return the mean time per output token after the first ones, in seconds; None where no request has one."""
    return _mean(tpot_s(requests))


def ttft_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time to first token of each request, shape (n,), from its scheduled time; NaN where unknown."""
    import numpy as np

    first = requests.first_token_unix_ns
    return np.where(first != UNKNOWN, (first - requests.scheduled_unix_ns) / 1e9, np.nan)


def tpot_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time per output token of each request, shape (n,); NaN where unknown.

    (last token - first token) / (output tokens - tokens of the first chunk): tokens that arrive together with the first
    one take no time of their own. An answer without a token after its first chunk has none.
    """
    import numpy as np

    first, last = requests.first_token_unix_ns, requests.last_token_unix_ns
    later = requests.output_tokens - _first_chunk_tokens(requests)
    known = (first != UNKNOWN) & (last != UNKNOWN) & (later > 0)
    return np.where(known, (last - first) / 1e9 / np.where(known, later, 1), np.nan)


def _first_chunk_tokens(requests: RequestTable) -> NDArray[np.int64]:
    """Return the tokens of the first chunk that has any, shape (n,); 1 where chunks are not known."""
    import numpy as np

    tokens = np.ones(len(requests), dtype=np.int64)
    filled = np.flatnonzero(requests.chunk_tokens > 0)
    if len(filled):
        position = np.searchsorted(filled, requests.chunk_offsets[:-1])
        first = filled[np.minimum(position, len(filled) - 1)]
        has = (position < len(filled)) & (first < requests.chunk_offsets[1:])
        tokens[has] = requests.chunk_tokens[first[has]]
    return tokens


def _mean(values: NDArray[np.float64]) -> float | None:
    import numpy as np

    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
