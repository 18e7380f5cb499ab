"""How far back each layer of a model looks, as transformers builds its KV cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llenergymeasure.backends.pytorch.facts.layers.matrices import NotUnderstoodError
from llenergymeasure.backends.pytorch.facts.shape import whole


@dataclass(frozen=True)
class Window:
    """How many tokens a token looks back at, itself included; None: all of them."""

    tokens: int | None = None


def cache_windows(config: Any, text: Any) -> list[Window]:
    """Return the window of each layer.

    Raises:
        NotUnderstoodError: a layer looks back in another way, or not at all.
    """
    from transformers import DynamicCache

    _refuse_what_no_cache_shows(text)
    try:
        layers = DynamicCache(config=config).layers
    except TypeError:  # before 4.56
        layers = []
    if not layers:
        raise NotUnderstoodError("transformers does not say which of its layers look back in a window")
    kinds = getattr(text, "layer_types", None) or ()
    strange = sorted({kind for kind in kinds if kind not in ("full_attention", "sliding_attention")})
    if strange:
        raise NotUnderstoodError(f"the work of layers of type {', '.join(strange)} is not known")
    return [_window(each) for each in layers]


def _window(layer: Any) -> Window:
    kind = type(layer).__name__
    if kind == "DynamicSlidingWindowLayer":
        return Window(int(layer.sliding_window))
    if kind != "DynamicLayer":
        raise NotUnderstoodError(f"the work of a layer with a {kind} is not known")
    return Window()


def _refuse_what_no_cache_shows(text: Any) -> None:
    """Some models look back less far than their cache reaches, or use the cache of another layer."""
    for name in ("window_size", "attention_chunk_size", "num_kv_shared_layers", "attention_window"):
        if whole(text, name):
            raise NotUnderstoodError(f"{name} in its configuration changes which tokens are looked at")
