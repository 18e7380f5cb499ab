"""The shape of a decoder as the tensors of its GGUF file have it."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from llenergymeasure.domain.model.files.ggml_types import GGML_TYPES, GGMLType
from llenergymeasure.domain.model.files.gguf_header import GGUFHeader, GGUFTensor
from llenergymeasure.domain.model.shape import (
    AttentionKind,
    AttentionShape,
    ExpertsShape,
    LayerShape,
    ModelShape,
)

EMBEDDINGS, OUTPUT = "token_embd", "output"
_LOOKED_UP = (EMBEDDINGS, "position_embd", "token_types")
_ATTENTION = frozenset({"attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output"})
_DENSE = frozenset({"ffn_gate", "ffn_up", "ffn_down"})
_SHARED = frozenset({"ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp", "ffn_gate_inp_shexp"})
_ROUTER = "ffn_gate_inp"
_EXPERTS = frozenset({"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_up_exps"})
_IN_BLOCK = re.compile(r"blk\.(\d+)\.(.+)\.(?:weight|bias)")
_SPECIAL = {
    "attention.sliding_window": "which of its layers look at a window only is not in the file",
    "attention.kv_lora_rank": "its attention over a compressed latent is not counted",
}
"""Keys of the metadata with which tensors do not tell the work."""


class _NotUnderstoodError(Exception):
    """Why a file does not tell the shape."""


def tensor_bytes(tensor: GGUFTensor) -> int | None:
    """Return the bytes of a tensor; None where its type is not known."""
    kind = GGML_TYPES.get(tensor.type)
    return None if kind is None else kind.tensor_bytes(tensor.shape)


def is_experts(tensor: GGUFTensor) -> bool:
    """Whether a tensor has the weights of routed experts."""
    return _name(tensor) in _EXPERTS


def is_looked_up(tensor: GGUFTensor, names: Sequence[str]) -> bool:
    """Whether a tensor is a table that is only looked up, among the tensors of these names."""
    name = tensor.name.partition(".")[0]
    return name in _LOOKED_UP and (name != EMBEDDINGS or f"{OUTPUT}.weight" in names)


def read_gguf_shape(header: GGUFHeader, kv_type: GGMLType) -> tuple[ModelShape | None, str | None]:
    """Return the shape of the decoder in a GGUF file, or None and why it is not known."""
    try:
        return _read(header, kv_type), None
    except _NotUnderstoodError as reason:
        return None, f"GGUF architecture {header.values.get('general.architecture')}: {reason}"


def _read(header: GGUFHeader, kv_type: GGMLType) -> ModelShape:
    for key, reason in _SPECIAL.items():
        if header.whole(key):
            raise _NotUnderstoodError(reason)
    blocks: dict[int, list[GGUFTensor]] = defaultdict(list)
    outside: dict[str, GGUFTensor] = {}
    for tensor in header.tensors:
        found = _IN_BLOCK.fullmatch(tensor.name)
        if found is None:
            outside[tensor.name] = tensor
        else:
            blocks[int(found[1])].append(tensor)
    counts = Counter(_layer(header, tensors) for _, tensors in sorted(blocks.items()))
    table = outside.pop(f"{EMBEDDINGS}.weight", None)
    head = outside.pop(f"{OUTPUT}.weight", table)
    if head is None or not counts:
        raise _NotUnderstoodError("it has no output layer, or no blocks")
    look_ups = [] if table is None or head is table else [table]
    look_ups += [each for each in outside.values() if each.name.partition(".")[0] in _LOOKED_UP]
    others = [each for each in outside.values() if each not in look_ups]
    strange = next((each.name for each in others if _multiplies(each)), None)
    if strange is not None:
        raise _NotUnderstoodError(f"when {strange} multiplies is not known")
    return ModelShape(
        hidden_size=head.shape[0],
        vocab_size=head.shape[-1],
        tied_embeddings=head is table,
        layers=tuple(each.model_copy(update={"layers": n}) for each, n in counts.items()),
        output_parameters=math.prod(head.shape),
        output_bytes=_size(head),
        other_bytes=sum(map(_size, others)),
        embedding_bytes=sum(map(_size, look_ups)),
        embedding_bytes_per_token=sum(_size(each) // each.shape[-1] for each in look_ups),
        kv_dtype=kv_type.name.lower(),
        kv_element_bytes=kv_type.element_bytes,
    )


def _layer(header: GGUFHeader, tensors: Sequence[GGUFTensor]) -> LayerShape:
    matrices = {_name(each): each for each in tensors if _multiplies(each)}
    unknown = set(matrices) - _ATTENTION - _DENSE - _SHARED - _EXPERTS - {_ROUTER}
    if unknown:
        raise _NotUnderstoodError(f"what {min(unknown)} does is not known")
    experts = _experts(header, [matrices[name] for name in _EXPERTS & set(matrices)])
    dense = [matrices[name] for name in _DENSE & set(matrices)]
    shared = [matrices[name] for name in _SHARED & set(matrices)]
    router = [matrices[_ROUTER]] if _ROUTER in matrices else []
    return LayerShape(
        attention=_attention(header, matrices),
        mlp=None if not dense else "gated" if "ffn_gate" in matrices else "plain",
        intermediate_size=matrices["ffn_down"].shape[0] if "ffn_down" in matrices else None,
        mlp_parameters=sum(map(_parameters, [*dense, *shared, *router])),
        shared_expert_parameters=sum(map(_parameters, shared)),
        router_parameters=sum(map(_parameters, router)),
        experts=experts,
        n_bytes=sum(_size(each) for each in tensors if not is_experts(each)),
    )


def _attention(header: GGUFHeader, matrices: Mapping[str, GGUFTensor]) -> AttentionShape:
    heads, hidden = header.whole("attention.head_count"), header.whole("embedding_length")
    kv_heads = heads
    if f"{header.values.get('general.architecture')}.attention.head_count_kv" in header.spans:
        kv_heads = header.whole("attention.head_count_kv")
    if heads is None or kv_heads is None or hidden is None:
        raise _NotUnderstoodError("its layers have different numbers of heads")
    key_dim = header.whole("attention.key_length") or hidden // heads
    value_dim = header.whole("attention.value_length") or hidden // heads
    kind: AttentionKind = "mha" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa"
    return AttentionShape(
        kind=kind,
        heads=heads,
        kv_heads=kv_heads,
        qk_head_dim=key_dim,
        v_head_dim=value_dim,
        parameters=sum(_parameters(each) for name, each in matrices.items() if name in _ATTENTION),
        cached_elements=kv_heads * (key_dim + value_dim),
    )


def _experts(header: GGUFHeader, routed: Sequence[GGUFTensor]) -> ExpertsShape | None:
    if not routed:
        return None
    number, per_token = header.whole("expert_count"), header.whole("expert_used_count")
    if number is None or per_token is None:
        raise _NotUnderstoodError("it does not say how many experts a token is sent to")
    return ExpertsShape(
        number=number,
        per_token=per_token,
        parameters=sum(map(_parameters, routed)) // number,
        n_bytes=sum(map(_size, routed)) // number,
    )


def _name(tensor: GGUFTensor) -> str:
    found = _IN_BLOCK.fullmatch(tensor.name)
    return tensor.name if found is None else found[2]


def _multiplies(tensor: GGUFTensor) -> bool:
    return sum(length > 1 for length in tensor.shape) > 1


def _parameters(tensor: GGUFTensor) -> int:
    return math.prod(tensor.shape)


def _size(tensor: GGUFTensor) -> int:
    size = tensor_bytes(tensor)
    if size is None:
        raise _NotUnderstoodError(f"{tensor.name} has a type of unknown size ({tensor.type})")
    return size
