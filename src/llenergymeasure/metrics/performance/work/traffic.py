"""The least bytes of KV cache and of embedding tables that requests move between a device and its memory."""

from __future__ import annotations

import numpy as np

from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import AttentionShape, ModelShape
from llenergymeasure.metrics.performance.work.flops import Phases
from llenergymeasure.metrics.performance.work.lengths import Floats, Lengths, looks


def kv_bytes_per_token(info: ModelInfo) -> int | None:
    """Return the bytes that a token adds to the KV cache, all layers together; None where they are not known."""
    shape = info.shape
    if shape is None or shape.kv_element_bytes is None:
        return None
    elements = sum(each.layers * each.attention.cached_elements for each in shape.layers)
    return round(elements * shape.kv_element_bytes)


def kv_cache_bytes(shape: ModelShape, tokens: Floats) -> Floats | None:
    """Return the bytes in the KV cache of a sequence of so many tokens: layers with a window keep no more than that."""
    if shape.kv_element_bytes is None:
        return None
    count = np.asarray(tokens, dtype=np.float64)
    total = np.zeros_like(count)
    for layer in shape.layers:
        window = layer.attention.window
        kept = count if window is None else np.minimum(count, window)
        total = total + layer.layers * _per_token(shape, layer.attention) * kept
    return total


def request_bytes(shape: ModelShape, lengths: Lengths) -> Phases:
    """Return what each request reads and writes beside the weights; shape (n,).

    Rows of embedding tables, and the KV cache: what its tokens add to it, and what they look at. Activations stay out.
    """
    new, row = lengths.prompt - lengths.cached, shape.embedding_bytes_per_token
    prefill, decode = row * new, row * lengths.decoded
    for layer in shape.layers:
        window, per_token = layer.attention.window, layer.layers * _per_token(shape, layer.attention)
        reused = lengths.cached if window is None else np.minimum(lengths.cached, window - 1)
        read = looks(lengths.prompt, lengths.context, window)
        prefill = prefill + per_token * (new + reused + new)
        decode = decode + per_token * (lengths.decoded + read)
    return Phases(prefill=prefill, decode=decode)


def _per_token(shape: ModelShape, attention: AttentionShape) -> float:
    return attention.cached_elements * (shape.kv_element_bytes or 0.0)
