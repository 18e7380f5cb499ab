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


def ttft_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time to first token of each request, shape (n,), from its scheduled time; NaN where unknown."""
    return _seconds(requests.scheduled_unix_ns, requests.first_token_unix_ns)


def ttft_sent_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time to first token of each request, shape (n,), from when it was sent; NaN where unknown."""
    return _seconds(requests.sent_unix_ns, requests.first_token_unix_ns)


def ttfo_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time of each request to the first token of the visible answer, shape (n,); NaN where unknown."""
    return _seconds(requests.scheduled_unix_ns, requests.first_answer_unix_ns)


def e2e_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time of each request from its scheduled time to its last token, shape (n,); NaN where unknown."""
    return _seconds(requests.scheduled_unix_ns, requests.last_token_unix_ns)


def tpot_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the time per output token of each request, shape (n,); NaN where unknown.

    (last token - first token) / (output tokens - tokens of the first chunk): tokens that arrive together with the first
    one take no time of their own. An answer without a token after its first chunk has none.
    """
    later, spent = later_tokens(requests), _seconds(requests.first_token_unix_ns, requests.last_token_unix_ns)
    return np.where(later > 0, spent / np.where(later > 0, later, 1), np.nan)


def decode_tokens_per_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return how many tokens each request got per second after its first chunk, shape (n,); NaN where unknown."""
    later, spent = later_tokens(requests), _seconds(requests.first_token_unix_ns, requests.last_token_unix_ns)
    known = (later > 0) & (spent > 0)
    return np.where(known, later / np.where(known, spent, 1), np.nan)


def e2e_tokens_per_s(requests: RequestTable) -> NDArray[np.float64]:
    """Return the output tokens of each request over its whole time `e2e_s`, shape (n,); NaN where unknown."""
    spent = e2e_s(requests)
    known = spent > 0
    return np.where(known, requests.output_tokens / np.where(known, spent, 1), np.nan)


def later_tokens(requests: RequestTable) -> NDArray[np.int64]:
    """Return how many output tokens of each request came after its first chunk with a token, shape (n,)."""
    chunk, _, has_chunk = filled_chunks(requests)
    at_first = np.ones(len(requests), dtype=np.int64)
    at_first[has_chunk] = requests.chunk_tokens[chunk[has_chunk]]
    return requests.output_tokens - at_first


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """The chunks with a token of some requests, request by request in the order in which they came; shape (m,).

    `gap_s` is the time since the chunk with a token before it, NaN for the first one of a request. Messages without a
    token, as one with a role only, are no chunks.
    """

    request: NDArray[np.intp]
    """Index of the request."""
    end_unix_ns: NDArray[np.int64]
    gap_s: NDArray[np.float64]
    tokens: NDArray[np.int64]


def chunks_with_tokens(requests: RequestTable) -> Chunks:
    """Return the chunks with a token of every request."""
    kept = np.flatnonzero(requests.chunk_tokens > 0)
    request = np.repeat(np.arange(len(requests)), np.diff(requests.chunk_offsets))[kept]
    ends = requests.chunk_unix_ns[kept]
    gaps = np.full(len(kept), np.nan)
    follows = request[1:] == request[:-1]
    gaps[1:][follows] = np.diff(ends)[follows] / 1e9
    tokens = requests.chunk_tokens[kept].astype(np.int64)
    return Chunks(request=request, end_unix_ns=ends, gap_s=gaps, tokens=tokens)


def token_gaps(requests: RequestTable) -> TokenGaps:
    """Return the times between chunks, from each request's first chunk with a token on.

    A request without times of chunks gives one gap, from its first token to its last one. Where no request has a token
    after its first chunk, each gives one gap from its start to its end: the time of prompts of different length is not
    mixed with that of decoding steps, but is all there is.
    """
    chunks = chunks_with_tokens(requests)
    after = np.isfinite(chunks.gap_s)
    first, last = requests.first_token_unix_ns, requests.last_token_unix_ns
    whole = (np.diff(requests.chunk_offsets) == 0) & (first != UNKNOWN) & (last != UNKNOWN)
    whole &= requests.output_tokens > 1
    ends = np.concatenate([chunks.end_unix_ns[after], last[whole]])
    spent = np.concatenate([chunks.gap_s[after], (last - first)[whole] / 1e9])
    tokens = np.concatenate([chunks.tokens[after], requests.output_tokens[whole] - 1])
    between_tokens = bool(len(ends))
    if not between_tokens:
        served = requests.output_tokens > 0
        ends = requests.closed_unix_ns[served]
        spent = (ends - requests.service_start_unix_ns()[served]) / 1e9
        tokens = requests.output_tokens[served].astype(np.int64)
    return TokenGaps(end_unix_ns=ends, duration_s=spent, tokens=tokens, between_tokens=between_tokens)


def filled_chunks(requests: RequestTable) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the indices of each request's first and last chunk with a token, shape (n,), and whether it has one."""
    filled = np.flatnonzero(requests.chunk_tokens > 0)
    start, end = np.searchsorted(filled, [requests.chunk_offsets[:-1], requests.chunk_offsets[1:]])
    has_one = end > start
    if not len(filled):
        return start, end, has_one
    return filled[np.where(has_one, start, 0)], filled[np.where(has_one, end - 1, 0)], has_one


def _seconds(start_unix_ns: NDArray[np.int64], end_unix_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    known = (start_unix_ns != UNKNOWN) & (end_unix_ns != UNKNOWN)
    return np.where(known, (end_unix_ns - start_unix_ns) / 1e9, np.nan)
