"""The bytes of weights that forward passes read: all once, of experts those that its tokens are expected to meet."""

from __future__ import annotations

import numpy as np

from llenergymeasure.domain.model.shape import ExpertsShape, ModelShape
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.metrics.performance.work.flops import Phases
from llenergymeasure.metrics.performance.work.lengths import Batches, Floats, Lengths


def expected_experts(experts: ExpertsShape, tokens: Floats) -> Floats:
    """Return how many distinct experts so many tokens are expected to meet: E (1 - (1 - k/E)^T).

    It assumes that routing is even and that tokens choose independently.
    """
    missed = (1 - experts.per_token / experts.number) ** np.asarray(tokens, dtype=np.float64)
    result: Floats = experts.number * (1 - missed)
    return result


def weights_of_batches(shape: ModelShape, lengths: Lengths, batches: Batches) -> Phases:
    """Return the bytes of weights that static batches read: one prefill each, then a pass for each step; (count,).

    Padding, and rows whose answer has ended, meet no experts here.
    """
    prefill = np.full(batches.count, float(shape.bytes_per_pass))
    decode = shape.bytes_per_pass * batches.most(lengths.decoded)
    read_together = batches.total(lengths.prompt - lengths.cached)
    for layer in shape.layers:
        if layer.experts is not None:
            per_expert = layer.layers * layer.experts.n_bytes
            prefill = prefill + per_expert * expected_experts(layer.experts, read_together)
            decode = decode + per_expert * _experts_of_steps(layer.experts, lengths, batches)
    return Phases(prefill=prefill, decode=decode)


def weights_of_steps(shape: ModelShape, steps: StepTable) -> Phases:
    """Return the bytes of weights that each step of an engine reads; shape (n,).

    A step that mixes both phases reads the weights once; they are shared out by its tokens.
    """
    prompt_tokens = steps.prefill_tokens.astype(np.float64)
    tokens = prompt_tokens + steps.decode_tokens
    read = np.full(len(steps), float(shape.bytes_per_pass))
    for layer in shape.layers:
        if layer.experts is not None:
            read = read + layer.layers * layer.experts.n_bytes * expected_experts(layer.experts, tokens)
    share = np.divide(prompt_tokens, tokens, out=np.zeros(len(steps)), where=tokens > 0)
    return Phases(prefill=read * share, decode=read * (1 - share))


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
