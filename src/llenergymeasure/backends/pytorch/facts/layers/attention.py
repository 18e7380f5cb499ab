"""The attention of one layer, from the sizes of its projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llenergymeasure.backends.pytorch.facts.layers.matrices import NotUnderstoodError, Weight
from llenergymeasure.backends.pytorch.facts.shape import whole
from llenergymeasure.domain.model.shape import AttentionShape

_QUERY = frozenset({"q_proj", "query", "wq", "q"})
_KEY = frozenset({"k_proj", "key", "wk", "k"})
_VALUE = frozenset({"v_proj", "value", "wv", "v"})
_FUSED = frozenset({"qkv_proj", "query_key_value", "c_attn", "Wqkv", "qkv", "att_proj"})
_OUT = frozenset({"o_proj", "out_proj", "dense", "c_proj", "wo", "attn_out", "resid_attn_proj"})
_LATENT = frozenset({"q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj"})
_GATE = frozenset({"gate_proj", "g_proj"})
"""Projections of the hidden state that scale what attention gives, element by element."""
_FIRST = _QUERY | _FUSED | _LATENT
_KNOWN = _FIRST | _KEY | _VALUE | _OUT | _GATE
_VECTORS = frozenset({"weight", "bias", "sinks", "scale"})


def attention_path(weights: Sequence[Weight], layer: str) -> str:
    """Return the name of the one module that attends, below a layer.

    Raises:
        NotUnderstoodError: there is none, or several.
    """
    paths = {each.name.rpartition(".")[0] for each in weights if each.multiplies and each.last_name in _FIRST}
    if len(paths) != 1:
        kind = "no attention that is known" if not paths else f"{len(paths)} modules that attend"
        raise NotUnderstoodError(f"{layer} has {kind}")
    path = paths.pop()
    if "cross" in path:
        raise NotUnderstoodError(f"{layer} attends to something else than the text ({path})")
    return path


def read_attention(module: Any, weights: Sequence[Weight], heads: int, window: int | None) -> AttentionShape:
    """Return the attention of a module with these weights and so many heads of queries.

    Raises:
        NotUnderstoodError: it has projections beside the known ones, or their sizes do not belong together.
    """
    strange = sorted(name for name in module._parameters if name not in _VECTORS)
    matrices = [each for each in weights if each.multiplies and not each.is_lora]
    strange += sorted({each.last_name for each in matrices} - _KNOWN)
    if strange or any(each.is_routed for each in matrices):
        raise NotUnderstoodError(
            f"{type(module).__name__} has {', '.join(strange) or 'experts'}, which is not known"
        )
    by_name = {each.last_name: each for each in matrices}
    if len(by_name) != len(matrices):
        raise NotUnderstoodError(f"{type(module).__name__} has two projections of one name")
    parameters = sum(each.size for each in matrices)
    by_name = {name: each for name, each in by_name.items() if name not in _GATE}
    try:
        sizes = _latent(module, by_name) if _LATENT & set(by_name) else _by_heads(by_name, heads)
    except (KeyError, ZeroDivisionError):
        sizes = None
    if sizes is None:
        raise NotUnderstoodError(
            f"the projections of {type(module).__name__} do not have the sizes of {heads} heads"
        )
    return AttentionShape(heads=heads, window=window, parameters=parameters, **sizes)


def _by_heads(by_name: Mapping[str, Weight], heads: int) -> dict[str, Any] | None:
    """Return kind and dimensions of attention with a projection for each, or one for all three."""
    out = _one(by_name, _OUT)
    value_dim, rest = divmod(out.inputs, heads)
    if rest:
        return None
    if _FUSED & set(by_name):
        fused = _one(by_name, _FUSED)
        kv_heads, rest = divmod(fused.outputs - heads * value_dim, 2 * value_dim)
        key_dim, n_expected = value_dim, 2
    else:
        query, key, value = (_one(by_name, names) for names in (_QUERY, _KEY, _VALUE))
        key_dim, rest = divmod(query.outputs, heads)
        kv_heads, rest_of_keys = divmod(key.outputs, key_dim)
        rest, n_expected = rest + rest_of_keys + abs(value.outputs - kv_heads * value_dim), 4
    if rest or kv_heads < 1 or heads % kv_heads or len(by_name) != n_expected:
        return None
    return {
        "kind": "mha" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa",
        "kv_heads": kv_heads,
        "qk_head_dim": key_dim,
        "v_head_dim": value_dim,
        "cached_elements": kv_heads * (key_dim + value_dim),
    }


def _latent(module: Any, by_name: Mapping[str, Weight]) -> dict[str, Any] | None:
    """Return kind and dimensions of multi-head latent attention."""
    heads = whole(module, "num_heads") or 0
    rope, nope, value = (
        whole(module, name) for name in ("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim")
    )
    if not (rope and nope and value):
        return None
    down, up, out = by_name["kv_a_proj_with_mqa"], by_name["kv_b_proj"], _one(by_name, _OUT)
    rank = down.outputs - rope
    query = by_name["q_b_proj"] if "q_b_proj" in by_name else _one(by_name, _QUERY)
    expected = (rank, heads * (nope + value), heads * value, heads * (nope + rope))
    if (up.inputs, up.outputs, out.inputs, query.outputs) != expected:
        return None
    return {
        "kind": "mla",
        "kv_heads": heads,
        "qk_head_dim": nope + rope,
        "v_head_dim": value,
        "q_lora_rank": query.inputs if "q_b_proj" in by_name else None,
        "kv_lora_rank": rank,
        "rope_head_dim": rope,
        "latent_parameters": up.size,
        "cached_elements": rank + rope if expands_latents(module) else heads * (nope + rope + value),
    }


def expands_latents(module: Any) -> bool:
    """Whether this implementation caches latents, and computes keys and values of all of them in every pass.

    transformers' modules that do so have the method `expand_kv`; earlier releases cache keys and values of all heads.
    """
    return hasattr(module, "expand_kv")


def _one(by_name: Mapping[str, Weight], names: frozenset[str]) -> Weight:
    found = [by_name[name] for name in sorted(names & set(by_name))]
    if len(found) != 1:
        raise KeyError(names)
    return found[0]
