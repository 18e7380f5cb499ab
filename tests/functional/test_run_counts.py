"""Counts and FLOPs of whole runs, beside the same by hand: weights that are packed, and experts in a nested section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.results.parquet.requests import read_requests
from tests.functional.test_run_models import run_model
from tests.support.models import build_llama, edit_json, save_tokenizer

pytestmark = pytest.mark.model

LAYERS, HEADS = 2, 4


def _flops_by_hand(bundle: Path, layers: int, output: int, head_dim: int) -> int:
    """Each token but the last costs 2 per weight of the layers, and 4 per head dimension and token looked back at.

    The output layer costs 2 per weight and output token.
    """
    total = 0
    for request in read_requests(bundle / "requests.parquet").rows():
        if request.repeat >= 0:  # not of the warm-up
            n = request.prompt_tokens + request.output_tokens - 1
            total += 2 * layers * n + 2 * output * request.output_tokens
            total += 4 * LAYERS * HEADS * head_dim * n * (n + 1) // 2
    return total


def _check(
    result: dict[str, Any],
    n_parameters: int,
    n_matmul: int,
    n_bytes: int,
    *,
    norms: int,
    output: int,
    head_dim: int,
) -> None:
    info = result["model_info"]
    assert info["unknown"] == {}
    assert info["n_parameters"] == n_parameters
    assert info["n_matmul_parameters"] == n_matmul
    assert info["weight_bytes"] == n_bytes
    layers = n_matmul - norms - output
    assert result["total_flops"] == _flops_by_hand(Path(result["bundle"]), layers, output, head_dim)
    assert (
        result["flops_executed"]
        >= result["total_flops"]
        == result["prefill_flops_model"] + result["decode_flops_model"]
    )
    assert result["energy_per_gflop_j"] == pytest.approx(
        1e9 * result["total_energy_j"] / result["total_flops"]
    )


def _pack(folder: Path) -> None:
    """Keep the weights of the projections as BitNet does: four in each byte, in buffers, with one scale a layer."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if name.endswith("_proj.weight")]:
        rows, columns = weights[name].shape
        weights[name] = torch.full((rows // 4, columns), 0b10010100, dtype=torch.uint8)
        weights[f"{name}_scale"] = torch.ones(1)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    edit_json(
        folder / "config.json",
        quantization_config={"quant_method": "bitnet", "modules_to_not_convert": ["lm_head"]},
    )


def test_packed_weights_count_as_those_that_they_stand_for(tmp_path: Path) -> None:
    folder = build_llama(tmp_path / "bits")
    _pack(folder)
    result = run_model(str(folder), tmp_path / "out", "--precision", "fp32")
    vocab = result["model_info"]["vocab_size"]
    packed = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)  # q and o, k and v, the three of the MLP
    table, norms = vocab * 64, 5 * 64
    assert result["model_info"]["quantisation"] == "bitnet"
    _check(
        result,
        n_parameters=2 * table + packed + norms,
        n_matmul=table + packed + norms,
        n_bytes=packed // 4 + 14 * 4 + 4 * (2 * table + norms),
        norms=norms,
        output=table,
        head_dim=16,
    )


def test_experts_of_a_nested_section_count_as_often_as_a_token_meets_them(tmp_path: Path) -> None:
    from transformers import DbrxConfig, DbrxForCausalLM

    folder = tmp_path / "experts"
    specials = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    vocab = save_tokenizer(folder, specials=specials)
    shape = DbrxConfig(
        d_model=32,
        n_heads=HEADS,
        n_layers=LAYERS,
        vocab_size=vocab,
        max_seq_len=512,
        ffn_config={"ffn_hidden_size": 48, "moe_num_experts": 6, "moe_top_k": 2, "hidden_size": 32},
        attn_config={"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    DbrxForCausalLM(shape).save_pretrained(folder)
    result = run_model(str(folder), tmp_path / "out", "--precision", "fp32")
    expert, router = 3 * 32 * 48, 6 * 32
    beside = 2 * 32 * 32 + 2 * 32 * 16 + 2 * 32 + router  # attention, norms
    table = vocab * 32
    n_parameters = 2 * (beside + 6 * expert) + 32 + 2 * table
    n_matmul = 2 * (beside + 2 * expert) + 32 + table
    _check(result, n_parameters, n_matmul, n_bytes=4 * n_parameters, norms=5 * 32, output=table, head_dim=8)
