"""Stalls: times within a window in which nothing was produced for far longer than usual, whatever the cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.performance.latency import TokenGaps, token_gaps

SHORTEST_STALL_S = 0.5
"""A judgement: shorter pauses of a busy system are common, and the spread of the repeats shows them."""
USUAL_TIMES = 10.0
"""A stall is longer than so many usual times; a judgement: batches and prompts of one workload differ by less."""
FEWEST = 3
"""From fewer times no usual one can be told, as one of two may be the stall."""
SAME_STEP = 0.2
"""Of the inter-token latency: first tokens closer together come from one step, which a client sees one by one."""


@dataclass(frozen=True, kw_only=True)
class Stall:
    """A time in which nothing was produced, Unix time; `usual_s` is how long the same work mostly takes."""

    start_ns: int
    end_ns: int
    usual_s: float
    repeat: int | None

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def excess_s(self) -> float:
        """How much longer it was than usual."""
        return self.duration_s - self.usual_s


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """Times between two moments at which tokens came, shape (n,).

    `read` are the prompt tokens that the later moment brought, `written` the output tokens of one request at most.
    """

    window: NDArray[np.intp]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    read: NDArray[np.int64]
    written: NDArray[np.int64]

    @property
    def duration_s(self) -> NDArray[np.float64]:
        return (self.end_ns - self.start_ns) / 1e9


def find_stalls(requests: RequestTable, windows: Sequence[Phase]) -> tuple[Stall, ...]:
    """Return the stalls of each window, in order.

    Prefill and decoding have usual times of their own, in seconds a step and in seconds a token; a step may take the
    larger of the two, so that a long prompt is no stall.
    """
    if not len(requests) or not windows:
        return ()
    gaps = token_gaps(requests).within(windows)
    steps = _all_steps(windows, requests)
    usual_s = _usual_s(steps, gaps)
    long = steps.duration_s > np.maximum(SHORTEST_STALL_S, USUAL_TIMES * usual_s)
    return tuple(
        Stall(
            start_ns=int(steps.start_ns[at]),
            end_ns=int(steps.end_ns[at]),
            usual_s=float(usual_s[at]),
            repeat=windows[steps.window[at]].repeat,
        )
        for at in np.flatnonzero(long)
    )


def _all_steps(windows: Sequence[Phase], requests: RequestTable) -> _Steps:
    times_ns, read, written = _productions(requests)
    parts = []
    for window in windows:
        first, last = np.searchsorted(times_ns, [window.start_unix_ns, window.end_unix_ns], side="right")
        parts.append((np.append(times_ns[first:last], window.end_unix_ns), first, last))
    lengths = [len(ends) for ends, _, _ in parts]
    starts = [
        np.append(window.start_unix_ns, ends[:-1])
        for window, (ends, _, _) in zip(windows, parts, strict=True)
    ]
    return _Steps(
        window=np.repeat(np.arange(len(windows)), lengths),
        start_ns=np.concatenate(starts),
        end_ns=np.concatenate([ends for ends, _, _ in parts]),
        read=np.concatenate([np.append(read[first:last], 0) for _, first, last in parts]),
        written=np.concatenate([np.append(written[first:last], 0) for _, first, last in parts]),
    )


def _productions(requests: RequestTable) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return when tokens came, in order, how many of prompts then, and how many of one answer at most."""
    first_ns, last_ns = (
        np.where(known != UNKNOWN, known, requests.closed_unix_ns)
        for known in (requests.first_token_unix_ns, requests.last_token_unix_ns)
    )
    undated = np.where(np.diff(requests.chunk_offsets) > 0, 0, np.maximum(requests.output_tokens, 0))
    nothing = np.zeros(len(requests), dtype=np.int64)
    all_ns = np.concatenate([first_ns, last_ns, requests.closed_unix_ns, requests.chunk_unix_ns])
    times_ns, at = np.unique(all_ns, return_inverse=True)
    read = np.concatenate([requests.prompt_tokens, nothing, nothing, np.zeros_like(requests.chunk_unix_ns)])
    written = np.concatenate([nothing, undated, nothing, requests.chunk_tokens])
    read_then, written_then = (np.zeros(len(times_ns), dtype=np.int64) for _ in range(2))
    np.add.at(read_then, at.ravel(), read)
    np.maximum.at(written_then, at.ravel(), written)  # the answers of a batch grow together
    return times_ns, read_then, written_then


def _usual_s(steps: _Steps, gaps: TokenGaps) -> NDArray[np.float64]:
    """Return how long each step would usually take, shape (n,); infinite where that is not known."""
    itl_s = gaps.typical_s()
    decode_s = np.maximum(itl_s, _per_token_s(gaps.duration_s, gaps.tokens) * steps.written)
    prefill = (steps.read > 0) & (steps.duration_s > SAME_STEP * itl_s)
    if not itl_s:
        decode_s = np.full(len(decode_s), np.inf)
    if prefill.sum() < FEWEST:
        return np.where(steps.read > 0, np.inf, decode_s)
    prefill_s = float(np.median(steps.duration_s[prefill]))
    per_token_s = _per_token_s(steps.duration_s[prefill], steps.read[prefill])
    usual_s: NDArray[np.float64] = np.where(
        steps.read > 0, np.maximum(prefill_s, per_token_s * steps.read), decode_s
    )
    return np.maximum(usual_s, decode_s) if itl_s else usual_s  # undated answers come with their prompts


def _per_token_s(duration_s: NDArray[np.float64], tokens: NDArray[np.int64]) -> float:
    counted = tokens > 0
    return float(np.median(duration_s[counted] / tokens[counted])) if counted.any() else 0.0
