"""Dimensions of a model, as its configuration has them; None where it does not say."""

from __future__ import annotations

from typing import Any


def whole(shape: Any, name: str) -> int | None:
    """Return a positive integer of a configuration."""
    value = getattr(shape, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def context_length(shape: Any) -> int | None:
    """Return how many tokens a model was made for."""
    return whole(shape, "max_position_embeddings")


def head_dim(shape: Any) -> int | None:
    """Return the dimension that a token's attention to another one multiplies over, per head.

    Where keys and values differ (multi-head latent attention), it is their mean: QK^T costs the one and AV the other.
    """
    rotated, plain, value = (
        whole(shape, name) for name in ("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim")
    )
    if rotated and plain and value:
        return (rotated + plain + value) // 2
    heads, hidden = whole(shape, "num_attention_heads"), whole(shape, "hidden_size")
    return whole(shape, "head_dim") or (hidden // heads if hidden and heads else None)
