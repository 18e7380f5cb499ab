"""The shape of a model as the tensors of a GGUF file tell it."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.domain.model.files.ggml_types import type_named
from llenergymeasure.domain.model.files.gguf_header import GGUFHeader, GGUFTensor
from llenergymeasure.domain.model.gguf_shape import read_gguf_shape
from llenergymeasure.domain.model.shape import ModelShape

F32, Q8_0 = 0, 8
HIDDEN, ROWS, INNER, EXPERTS = 64, 320, 96, 4
VALUES: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.embedding_length": HIDDEN,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
}
BLOCK = {
    "attn_norm.weight": (HIDDEN,),
    "attn_q.weight": (HIDDEN, HIDDEN),
    "attn_q.bias": (HIDDEN,),
    "attn_k.weight": (HIDDEN, HIDDEN // 2),
    "attn_v.weight": (HIDDEN, HIDDEN // 2),
    "attn_output.weight": (HIDDEN, HIDDEN),
}
DENSE = {
    "ffn_gate.weight": (HIDDEN, INNER),
    "ffn_up.weight": (HIDDEN, INNER),
    "ffn_down.weight": (INNER, HIDDEN),
}
ROUTED = {
    "ffn_gate_inp.weight": (HIDDEN, EXPERTS),
    "ffn_gate_exps.weight": (HIDDEN, INNER, EXPERTS),
    "ffn_up_exps.weight": (HIDDEN, INNER, EXPERTS),
    "ffn_down_exps.weight": (INNER, HIDDEN, EXPERTS),
}
TABLE = {"token_embd.weight": (HIDDEN, ROWS)}
ENDS = {**TABLE, "output_norm.weight": (HIDDEN,)}


def header(tensors: dict[str, tuple[int, ...]], **values: Any) -> GGUFHeader:
    """Vectors are stored in 4 bytes a number, matrices in Q8_0."""
    table = [
        GGUFTensor(name=name, shape=shape, type=Q8_0 if len(shape) > 1 else F32, offset=0)
        for name, shape in tensors.items()
    ]
    known = {**VALUES, **{f"llama.{key}": value for key, value in values.items()}}
    return GGUFHeader(values=known, tensors=table, spans=dict.fromkeys(known, (0, 1)))


def blocks(number: int, inside: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {f"blk.{index}.{name}": shape for index in range(number) for name, shape in inside.items()}


def read(*parts: dict[str, tuple[int, ...]], **values: Any) -> ModelShape:
    tensors = {name: shape for part in parts for name, shape in part.items()}
    shape, reason = read_gguf_shape(header(tensors, **values), type_named("q8_0"))
    assert shape is not None, reason
    return shape


def test_equal_blocks_are_one_layer_with_its_matrices_and_all_of_its_bytes() -> None:
    shape = read(ENDS, blocks(3, {**BLOCK, **DENSE}))
    (layer,) = shape.layers
    assert layer.layers == 3
    assert (layer.attention.kind, layer.attention.heads, layer.attention.kv_heads) == ("gqa", 4, 2)
    assert (layer.attention.qk_head_dim, layer.attention.cached_elements) == (16, 64)
    assert layer.attention.parameters == 3 * HIDDEN * HIDDEN
    assert (layer.mlp, layer.intermediate_size, layer.mlp_parameters) == ("gated", INNER, 3 * HIDDEN * INNER)
    matrices = layer.parameters_per_token
    assert layer.n_bytes == matrices // 32 * 34 + 2 * HIDDEN * 4


def test_a_tied_table_is_the_output_layer_and_is_read_once() -> None:
    tied = read(ENDS, blocks(1, {**BLOCK, **DENSE}))
    assert tied.tied_embeddings
    assert (tied.output_parameters, tied.embedding_bytes) == (HIDDEN * ROWS, 0)
    apart = read(ENDS, {"output.weight": (HIDDEN, ROWS)}, blocks(1, {**BLOCK, **DENSE}))
    assert not apart.tied_embeddings
    assert apart.embedding_bytes == HIDDEN * ROWS // 32 * 34
    assert apart.embedding_bytes_per_token == HIDDEN // 32 * 34


def test_a_token_is_multiplied_with_as_many_experts_as_it_is_sent_to() -> None:
    shape = read(ENDS, blocks(2, {**BLOCK, **ROUTED}), expert_count=EXPERTS, expert_used_count=2)
    (layer,) = shape.layers
    assert layer.experts is not None
    assert (layer.experts.number, layer.experts.per_token) == (EXPERTS, 2)
    assert layer.experts.parameters == 3 * HIDDEN * INNER
    assert layer.router_parameters == layer.mlp_parameters == HIDDEN * EXPERTS


def test_the_cache_has_the_size_of_its_type() -> None:
    shape = read(ENDS, blocks(1, {**BLOCK, **DENSE}))
    assert (shape.kv_dtype, shape.kv_element_bytes) == ("q8_0", 34 / 32)


@pytest.mark.parametrize(
    ("inside", "values", "reason"),
    [
        ({"ssm_in.weight": (HIDDEN, HIDDEN)}, {}, "what ssm_in does is not known"),
        ({}, {"attention.sliding_window": 512}, "which of its layers look at a window"),
        ({}, {"attention.kv_lora_rank": 16}, "compressed latent"),
        (ROUTED, {}, "how many experts"),
    ],
)
def test_what_the_tensors_do_not_tell_is_unknown_with_its_reason(
    inside: dict[str, tuple[int, ...]], values: dict[str, Any], reason: str
) -> None:
    tensors = {**ENDS, **blocks(1, {**BLOCK, **inside})}
    shape, told = read_gguf_shape(header(tensors, **values), type_named("f16"))
    assert shape is None
    assert reason in str(told)
