"""How many tokens were in the KV cache at one time, and the bytes that they took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import ModelShape
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.metrics.performance.batches import batch_numbers
from llenergymeasure.metrics.performance.work.traffic import kv_cache_bytes


@dataclass(frozen=True, kw_only=True)
class KvCache:
    """The KV cache when it was largest."""

    n_bytes: int
    tokens: int
    """Padding included."""
    requests: int
    longest: int
    """Tokens of the longest request that was ever in the cache."""


def largest_kv_cache(info: ModelInfo | None, requests: RequestTable) -> KvCache | str:
    """Return the largest KV cache while some requests were served; where it is not known, why."""
    shape = None if info is None else info.shape
    if info is None or shape is None or kv_cache_bytes(shape, np.zeros(1)) is None:
        return _why_unknown(info, shape)
    if info.execution is not None and info.execution.passes_unknown is not None:
        return info.execution.passes_unknown
    if not len(requests):
        return "no request was served"
    pads = info.execution is None or info.execution.pads
    if bool((requests.batch != UNKNOWN).all()) and pads:
        return _of_static_batches(shape, requests)
    return _of_overlapping(shape, requests)


def _why_unknown(info: ModelInfo | None, shape: ModelShape | None) -> str:
    if info is None or shape is None:
        reason = None if info is None else info.unknown.get("shape")
        return reason or "the shape of the model is unknown"
    return "a number in the KV cache has no fixed size"


def _cached_tokens(requests: RequestTable) -> NDArray[np.int64]:
    """Return the tokens of each request that are in the cache at its end: the last output token is never fed back."""
    return requests.prompt_tokens.astype(np.int64) + np.maximum(
        requests.output_tokens.astype(np.int64) - 1, 0
    )


def _of_static_batches(shape: ModelShape, requests: RequestTable) -> KvCache:
    """Every row of a batch has the length of its longest prompt and of its longest answer."""
    batch = batch_numbers(requests)
    rows = np.bincount(batch)
    prompt, answer = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    np.maximum.at(prompt, batch, requests.prompt_tokens)
    np.maximum.at(answer, batch, np.maximum(requests.output_tokens - 1, 0))
    width = prompt + answer
    sizes = rows * _sizes(shape, width)
    largest = int(np.argmax(sizes))
    return KvCache(
        n_bytes=round(sizes[largest]),
        tokens=int(rows[largest] * width[largest]),
        requests=int(rows[largest]),
        longest=int(width.max()),
    )


def _of_overlapping(shape: ModelShape, requests: RequestTable) -> KvCache:
    """Each request takes what it has at its end for as long as it is served: no request is in the cache for less."""
    tokens = _cached_tokens(requests)
    sizes = _sizes(shape, tokens)
    moments = np.concatenate([requests.service_start_unix_ns(), requests.closed_unix_ns])
    order = np.lexsort(
        (np.repeat([1, 0], len(requests)), moments)
    )  # who ends at a moment has left before others begin
    sign = np.repeat([1, -1], len(requests))
    in_flight = np.cumsum((np.tile(sizes, 2) * sign)[order])
    largest = int(np.argmax(in_flight))
    until = order[: largest + 1]
    return KvCache(
        n_bytes=round(in_flight[largest]),
        tokens=int((np.tile(tokens, 2) * sign)[until].sum()),
        requests=int(sign[until].sum()),
        longest=int(tokens.max()),
    )


def _sizes(shape: ModelShape, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    sizes = kv_cache_bytes(shape, tokens.astype(np.float64))
    assert sizes is not None
    return sizes
