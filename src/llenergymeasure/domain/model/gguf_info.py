"""What a GGUF file says of its model, for backends that read it as it is."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from llenergymeasure.domain.model.files.ggml_types import GGML_TYPES, type_named
from llenergymeasure.domain.model.files.gguf_header import GGUFHeader, read_gguf_header
from llenergymeasure.domain.model.gguf_shape import is_experts, is_looked_up, read_gguf_shape, tensor_bytes
from llenergymeasure.domain.model.info import ModelInfo

UNKNOWN_TYPE = "a tensor of the file has a type of unknown size"
UNKNOWN_EXPERTS = "the file does not say how many experts a token is sent to"


def gguf_model_info(name: str, file: Path, *, kv_type: str = "f16", **facts: Any) -> ModelInfo:
    """Return shape and size of the model in a GGUF file whose weights are used as they are; no tensor is read.

    `kv_type` is the type of the KV cache, as ggml names it; `facts` are further fields of `ModelInfo`.

    Raises:
        FileProblem: it is no GGUF file.
    """
    header = read_gguf_header(file)
    shape, not_understood = read_gguf_shape(header, type_named(kv_type))
    n_matmul_parameters, n_bytes = _matmul_parameters(header), _weight_bytes(header)
    unknown = dict(facts.pop("unknown", {}))
    for field, value, reason in (
        ("shape", shape, not_understood),
        ("n_matmul_parameters", n_matmul_parameters, UNKNOWN_EXPERTS),
        ("weight_bytes", n_bytes, UNKNOWN_TYPE),
    ):
        if value is None:
            unknown.setdefault(field, str(reason))
    heads = header.whole("attention.head_count")
    return ModelInfo(
        name=name,
        architecture=str(header.values.get("general.architecture")),
        n_parameters=sum(math.prod(each.shape) for each in header.tensors),
        n_matmul_parameters=n_matmul_parameters,
        n_layers=header.whole("block_count"),
        hidden_size=header.whole("embedding_length"),
        n_attention_heads=heads,
        n_kv_heads=header.whole("attention.head_count_kv"),
        head_dim=header.whole("attention.key_length") or _head_dim(header, heads),
        vocab_size=vocabulary(header),
        context_length=header.whole("context_length"),
        dtype=main_type(header),
        quantisation=f"gguf:{main_type(header)}",
        weight_bytes=n_bytes,
        shape=shape,
        unknown=unknown,
        **facts,
    )


def main_type(header: GGUFHeader) -> str:
    """Return the type in which most parameters of a file are stored, such as `Q4_1`."""
    counts: Counter[int] = Counter()
    for tensor in header.tensors:
        counts[tensor.type] += math.prod(tensor.shape)
    number, _ = counts.most_common(1)[0]
    return GGML_TYPES[number].name if number in GGML_TYPES else f"type {number}"


def vocabulary(header: GGUFHeader) -> int | None:
    """Return how many tokens a file has embeddings of; None where it does not say."""
    found = (each.shape[-1] for each in header.tensors if each.name == "token_embd.weight" and each.shape)
    return next(found, None)


def _head_dim(header: GGUFHeader, heads: int | None) -> int | None:
    hidden = header.whole("embedding_length")
    return None if heads is None or hidden is None else hidden // heads


def _matmul_parameters(header: GGUFHeader) -> int | None:
    names = [each.name for each in header.tensors]
    met = [each for each in header.tensors if not is_looked_up(each, names)]
    routed = sum(math.prod(each.shape) for each in met if is_experts(each))
    others = sum(math.prod(each.shape) for each in met if not is_experts(each))
    if not routed:
        return others
    number, per_token = header.whole("expert_count"), header.whole("expert_used_count")
    return None if number is None or per_token is None else others + routed // number * per_token


def _weight_bytes(header: GGUFHeader) -> int | None:
    sizes = [tensor_bytes(each) for each in header.tensors]
    return None if None in sizes else sum(each or 0 for each in sizes)
