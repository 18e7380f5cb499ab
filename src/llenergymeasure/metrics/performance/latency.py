"""Latency of requests: time to first token (TTFT), time per output token after it (TPOT), time between tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.trace import Phase


@dataclass(frozen=True, kw_only=True)
class TokenGaps:
    """Times between the chunks of a request; arrays of shape (m,).

    Each gap ends at `end_unix_ns`, when its chunk with `tokens` output tokens was on the host. Where every answer comes
    at once, `between_tokens` is false, and the gaps are the times of whole requests.
    """

    end_unix_ns: NDArray[np.int64]
    duration_s: NDArray[np.float64]
    tokens: NDArray[np.int64]
    between_tokens: bool = True

    def within(self, intervals: Sequence[Phase]) -> TokenGaps:
        """Return the gaps that lie in one of some intervals."""
        ends = self.end_unix_ns
        starts = ends - np.rint(self.duration_s * 1e9).astype(np.int64)
        inside = np.zeros(len(ends), dtype=bool)
        for each in intervals:
            inside |= (starts >= each.start_unix_ns) & (ends <= each.end_unix_ns)
        return replace(
            self, end_unix_ns=ends[inside], duration_s=self.duration_s[inside], tokens=self.tokens[inside]
        )

    def typical_s(self) -> float:
        """Return the median gap in seconds; 0 without gaps."""
        return float(np.median(self.duration_s)) if len(self.duration_s) else 0.0


def mean_ttft_s(requests: RequestTable) -> float | None:
    """Return the mean time to first token, in seconds from the scheduled time; None where no request has one."""
    return _mean(ttft_s(requests))


def mean_tpot_s(requests: RequestTable) -> float | None:
    """Return the mean time per output token after the first ones, in seconds; None where no request has one."""
    return _mean(tpot_s(requests))


def ttft_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time to first token of each request, shape (n,), from its scheduled time; NaN where unknown."""
    first = requests.first_token_unix_ns
    return np.where(first != UNKNOWN, (first - requests.scheduled_unix_ns) / 1e9, np.nan)


def tpot_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time per output token of each request, shape (n,); NaN where unknown.

    (last token - first token) / (output tokens - tokens of the first chunk): tokens that arrive together with the first
    one take no time of their own. An answer without a token after its first chunk has none.
    """
    first, last = requests.first_token_unix_ns, requests.last_token_unix_ns
    chunk, _, has_chunk = filled_chunks(requests)
    at_first = np.ones(len(requests), dtype=np.int64)
    at_first[has_chunk] = requests.chunk_tokens[chunk[has_chunk]]
    later = requests.output_tokens - at_first
    known = (first != UNKNOWN) & (last != UNKNOWN) & (later > 0)
    return np.where(known, (last - first) / 1e9 / np.where(known, later, 1), np.nan)


def token_gaps(requests: RequestTable) -> TokenGaps:
    """Return the times between chunks, from each request's first chunk with a token on.

    A request without times of chunks gives one gap, from its first token to its last one. Where no request has a token
    after its first chunk, each gives one gap from its start to its end: the time of prompts of different length is not
    mixed with that of decoding steps, but is all there is.
    """
    chunk, _, has_chunk = filled_chunks(requests)
    lengths = np.diff(requests.chunk_offsets)
    number = np.arange(len(requests.chunk_unix_ns))
    after = number > np.repeat(np.where(has_chunk, chunk, len(number)), lengths)
    ends = requests.chunk_unix_ns[after]
    spent = ends - requests.chunk_unix_ns[number[after] - 1]
    tokens = requests.chunk_tokens[after].astype(np.int64)
    first, last = requests.first_token_unix_ns, requests.last_token_unix_ns
    whole = (lengths == 0) & (first != UNKNOWN) & (last != UNKNOWN) & (requests.output_tokens > 1)
    ends = np.concatenate([ends, last[whole]])
    spent = np.concatenate([spent, (last - first)[whole]])
    tokens = np.concatenate([tokens, requests.output_tokens[whole] - 1])
    between_tokens = bool(len(ends))
    if not between_tokens:
        served = requests.output_tokens > 0
        ends = requests.closed_unix_ns[served]
        spent = ends - requests.service_start_unix_ns()[served]
        tokens = requests.output_tokens[served].astype(np.int64)
    return TokenGaps(end_unix_ns=ends, duration_s=spent / 1e9, tokens=tokens, between_tokens=between_tokens)


def filled_chunks(requests: RequestTable) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the indices of each request's first and last chunk with a token, shape (n,), and whether it has one."""
    filled = np.flatnonzero(requests.chunk_tokens > 0)
    start, end = np.searchsorted(filled, [requests.chunk_offsets[:-1], requests.chunk_offsets[1:]])
    has_one = end > start
    if not len(filled):
        return start, end, has_one
    return filled[np.where(has_one, start, 0)], filled[np.where(has_one, end - 1, 0)], has_one


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
