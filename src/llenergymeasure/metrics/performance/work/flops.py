"""Floating-point operations of requests: what the model asks for, and what an implementation executes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llenergymeasure.domain.model.shape import AttentionShape, Execution, ModelShape
from llenergymeasure.metrics.performance.work.lengths import Batches, Floats, Lengths, looks


@dataclass(frozen=True, kw_only=True)
class Phases:
    """A quantity of prefill and of decoding, one value for each request or batch."""

    prefill: Floats
    decode: Floats


def model_flops(shape: ModelShape, lengths: Lengths) -> Phases:
    """Return the FLOPs that the mathematics asks for, of each request; shape (n,).

    A multiplication and an addition for each matrix parameter and token; QK^T and AV with the tokens that a token looks
    back at; the output layer once for each output token. Prefill is the pass over the prompt, which gives the first
    output token. The last output token never goes through the model.

    Sources: Kaplan et al. (2020), arXiv:2001.08361, section 2.1 (2N per token forward); Chowdhery et al. (2022),
    arXiv:2204.02311, appendix B (attention).
    """
    per_token, head = 2.0 * shape.parameters_per_token, 2.0 * shape.output_parameters
    prefill = per_token * (lengths.prompt - lengths.cached) + head * lengths.answered
    decode = (per_token + head) * lengths.decoded
    for layer in shape.layers:
        per_look, window = float(layer.layers * layer.attention.per_look), layer.attention.window
        prefill = prefill + per_look * looks(lengths.cached, lengths.prompt, window)
        decode = decode + per_look * looks(lengths.prompt, lengths.context, window)
    return Phases(prefill=prefill, decode=decode)


def executed_flops(shape: ModelShape, execution: Execution, lengths: Lengths, batches: Batches) -> Phases:
    """Return the FLOPs of the matrix products that an implementation executes, of each batch; shape (count,).

    A static batch is as wide as its longest prompt, and computes every row until its longest answer has ended.
    """
    rows = batches.total(np.ones(len(lengths.prompt)))
    width, steps = batches.most(lengths.prompt - lengths.cached), batches.most(lengths.decoded)
    per_token, head = 2.0 * shape.parameters_per_token, 2.0 * shape.output_parameters
    positions = width if execution.output_positions == "all" else batches.most(lengths.answered)
    prefill = rows * (per_token * width + head * positions)
    decode = rows * steps * (per_token + head)
    for layer in shape.layers:
        seen = _executed_looks(layer.attention, execution, lengths, batches)
        prefill = prefill + float(layer.layers * layer.attention.per_look) * seen.prefill
        decode = decode + float(layer.layers * layer.attention.per_look) * seen.decode
        if execution.expands_cached_latents:
            again = rows * (looks(width, width + steps, layer.attention.window) - steps)
            decode = decode + 2.0 * layer.layers * layer.attention.latent_parameters * again
    return Phases(prefill=prefill, decode=decode)


def _executed_looks(
    attention: AttentionShape, execution: Execution, lengths: Lengths, batches: Batches
) -> Phases:
    """Return the pairs of tokens that attention multiplies, of each batch."""
    rows = batches.total(np.ones(len(lengths.prompt)))
    width, steps = batches.most(lengths.prompt), batches.most(lengths.decoded)
    window = attention.window
    if execution.attention == "causal":
        own_steps = steps[batches.of_request]
        return Phases(
            prefill=batches.total(looks(lengths.cached, lengths.prompt, window)),
            decode=batches.total(looks(lengths.prompt, lengths.prompt + own_steps, window)),
        )
    rectangle = (width - batches.most(lengths.cached)) * width
    if execution.attention == "causal_unless_masked":
        is_padded = batches.total(lengths.prompt) != rows * width
        is_masked = is_padded if window is None else is_padded | (width >= window)
        rectangle = np.where(is_masked, rectangle, looks(np.zeros(batches.count), width, None))
    return Phases(prefill=rows * rectangle, decode=rows * looks(width, width + steps, window))
