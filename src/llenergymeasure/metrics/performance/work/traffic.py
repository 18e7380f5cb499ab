"""The least bytes that the work of requests moves between a device and its memory."""

from __future__ import annotations

import numpy as np

from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import AttentionShape, ExpertsShape, ModelShape
from llenergymeasure.metrics.performance.work.flops import Phases
from llenergymeasure.metrics.performance.work.lengths import Batches, Floats, Lengths, looks


def expected_experts(experts: ExpertsShape, tokens: Floats) -> Floats:
    """Return how many distinct experts so many tokens are expected to meet: E (1 - (1 - k/E)^T).

    It assumes that routing is even and that tokens choose independently.
    """
    missed = (1 - experts.per_token / experts.number) ** np.asarray(tokens, dtype=np.float64)
    result: Floats = experts.number * (1 - missed)
    return result


def kv_bytes_per_token(info: ModelInfo) -> float | None:
    """Return the bytes that a token adds to the KV cache, all layers together; None where they are not known."""
    shape = info.shape
    if shape is None or shape.kv_element_bytes is None:
        return None
    return sum(each.layers * each.attention.cached_elements for each in shape.layers) * shape.kv_element_bytes


def kv_cache_bytes(shape: ModelShape, tokens: Floats) -> Floats | None:
    """Return the bytes in the KV cache of a sequence of so many tokens: layers with a window keep no more than that."""
    if shape.kv_element_bytes is None:
        return None
    count = np.asarray(tokens, dtype=np.float64)
    return sum(
        (_per_token(shape, each.attention) * each.layers * _bounded(count, each.attention.window))
        for each in shape.layers
    ) + np.zeros_like(count)


def bytes_moved(shape: ModelShape, lengths: Lengths, batches: Batches) -> Phases:
    """Return the bytes that the forward passes of each batch read and write at least; shape (count,).

    Weights once in each forward pass (of experts, the expected number of distinct ones), rows of embedding tables, and
    the KV cache: what tokens add to it, and what they look at. Activations stay out, and so does padding.
    """
    new = lengths.prompt - lengths.cached
    rows = shape.embedding_bytes_per_token
    prefill, decode = rows * batches.total(new), rows * batches.total(lengths.decoded)
    steps = batches.most(lengths.decoded)
    prefill, decode = prefill + shape.bytes_per_pass, decode + shape.bytes_per_pass * steps
    for layer in shape.layers:
        cache = _cache_traffic(shape, layer.attention, lengths)
        prefill = prefill + layer.layers * batches.total(cache.prefill)
        decode = decode + layer.layers * batches.total(cache.decode)
        if layer.experts is not None:
            per_expert = layer.layers * layer.experts.n_bytes
            prefill = prefill + per_expert * expected_experts(layer.experts, batches.total(new))
            decode = decode + per_expert * _experts_of_steps(layer.experts, lengths, batches)
    return Phases(prefill=prefill, decode=decode)


def _cache_traffic(shape: ModelShape, attention: AttentionShape, lengths: Lengths) -> Phases:
    """Return the bytes of one layer's KV cache that each request writes and reads; shape (n,)."""
    new, window = lengths.prompt - lengths.cached, attention.window
    reused = lengths.cached if window is None else np.minimum(lengths.cached, window - 1)
    per_token = _per_token(shape, attention)
    return Phases(
        prefill=per_token * (new + reused + new),
        decode=per_token * (lengths.decoded + looks(lengths.prompt, lengths.context, window)),
    )


def _experts_of_steps(experts: ExpertsShape, lengths: Lengths, batches: Batches) -> Floats:
    """Return how many experts the decoding steps of each batch read together; a row takes part until its answer ends.

    In the order of their lengths, the answers of a batch divide its steps into stretches with as many rows as are left.
    """
    order = np.lexsort((lengths.decoded, batches.of_request))
    decoded, batch = lengths.decoded[order], batches.of_request[order]
    sizes = np.bincount(batches.of_request, minlength=batches.count)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.arange(len(order)) - first[batch]
    before = np.where(rank == 0, 0.0, np.concatenate([[0.0], decoded[:-1]]))
    read = (decoded - before) * expected_experts(experts, (sizes[batch] - rank).astype(np.float64))
    return np.bincount(batch, weights=read, minlength=batches.count).astype(np.float64)


def _per_token(shape: ModelShape, attention: AttentionShape) -> float:
    return attention.cached_elements * (shape.kv_element_bytes or 0.0)


def _bounded(tokens: Floats, window: int | None) -> Floats:
    return tokens if window is None else np.minimum(tokens, window)
