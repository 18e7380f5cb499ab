"""Reference FLOPs of requests, from the shape of the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.model.info import ModelInfo


def request_flops(
    info: ModelInfo, prompt_tokens: NDArray[np.int32], output_tokens: NDArray[np.int32]
) -> NDArray[np.float64] | None:
    """Return the floating-point operations of each request to a decoder, shape (n,); None for an unknown shape.

    Each processed token costs 2 per matrix parameter (a multiplication and an addition; of experts, of those that it is
    sent to) and, in attention, 2 for QK^T and 2 for AV per layer, head dimension and token looked back at, itself
    included. The last output token is never fed back, so prompt + output - 1 tokens are processed.

    It is what the architecture asks for, not what kernels execute. Left out: padding, drafts of speculation, all beams
    but one, the masked half of a prompt's attention matrix, activations and softmax. Counted although some software
    skips it: the output layer at every position of the prompt, and full attention where a window slides.

    Sources: Kaplan et al. (2020), arXiv:2001.08361, section 2.1 (2N per token forward); Chowdhery et al. (2022),
    arXiv:2204.02311, appendix B (attention: 4 L H Q T per token forward).
    """
    if info.n_matmul_parameters is None:
        return None
    if info.n_layers is None or info.n_attention_heads is None or info.head_dim is None:
        return None
    total = np.asarray(prompt_tokens, dtype=np.float64) + output_tokens
    processed = np.maximum(total - 1, 0)
    looked_back_at = processed * (processed + 1) / 2
    per_look = 4 * info.n_layers * info.n_attention_heads * info.head_dim
    flops: NDArray[np.float64] = 2.0 * info.n_matmul_parameters * processed + per_look * looked_back_at
    return flops
