"""Counts of tiny models of many architectures, beside the same computed by hand from their configurations."""

from __future__ import annotations

import pytest

from llenergymeasure.backends.pytorch.facts.parameters import count_parameters

pytestmark = pytest.mark.model

V, H, L, FF, MOE, SHARED = 100, 32, 2, 48, 24, 40
N, K = 6, 2  # experts, and those that a token is sent to
Q, KV = 32, 16  # widths of queries and of keys and values
ATTENTION = 2 * H * Q + 2 * H * KV
LATENT = H * 16 + 16 + 16 * 4 * 12 + H * (16 + 4) + 16 + 16 * 4 * (8 + 8) + 4 * 8 * H
NORMS = 2 * H
HEAD = V * H
SIZES = {"vocab_size": V, "hidden_size": H, "num_hidden_layers": L, "num_attention_heads": 4}
BASE = {**SIZES, "num_key_value_heads": 2, "intermediate_size": FF, "pad_token_id": 0}
TOP = {"num_experts": N, "num_experts_per_tok": K}
LOCAL = {"num_local_experts": N, "num_experts_per_tok": K}
DEEPSEEK = {
    "moe_intermediate_size": MOE,
    "n_routed_experts": N,
    "num_experts_per_tok": K,
    "n_shared_experts": 1,
}
DEEPSEEK |= {"first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}
MLA = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8}
DBRX = {"d_model": H, "n_heads": 4, "n_layers": L, "vocab_size": V, "max_seq_len": 64}
DBRX_FFN = {"ffn_hidden_size": FF, "moe_num_experts": N, "moe_top_k": K, "hidden_size": H}
DBRX_ATTENTION = {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4}
JETMOE = {**LOCAL, "vocab_size": V, "hidden_size": H, "num_hidden_layers": L, "intermediate_size": FF}
JETMOE |= {"num_key_value_heads": 2, "kv_channels": 8, "tie_word_embeddings": True, "pad_token_id": 0}


def mlp(width):
    return 3 * H * width


def layers(experts, width, *, attention=ATTENTION, norms=NORMS, beside=0, router=N * H):
    return L * (attention + norms + router + experts * mlp(width) + beside) + H


def deepseek(experts, attention):
    """One dense layer, one with experts of which one is shared."""
    return 2 * (attention + NORMS) + mlp(FF) + N * H + (experts + 1) * mlp(MOE) + H


CASES = {
    "Mixtral": (BASE | LOCAL, lambda e: layers(e, FF), HEAD),
    "Qwen2Moe": (
        BASE | TOP | {"moe_intermediate_size": MOE, "shared_expert_intermediate_size": SHARED},
        lambda e: layers(e, MOE, beside=mlp(SHARED) + H + Q + 2 * KV),  # its gate, and biases of q, k, v
        HEAD,
    ),
    "Qwen3Moe": (
        BASE | TOP | {"moe_intermediate_size": MOE, "head_dim": 8},
        lambda e: layers(e, MOE, norms=NORMS + 2 * 8),
        HEAD,
    ),
    "Olmoe": (BASE | TOP, lambda e: layers(e, FF, norms=NORMS + Q + KV), HEAD),
    "GraniteMoe": (BASE | LOCAL, lambda e: layers(e, FF), 0),
    "GraniteMoeShared": (
        BASE | LOCAL | {"shared_intermediate_size": SHARED},
        lambda e: layers(e, FF, beside=mlp(SHARED)),
        0,
    ),
    "DeepseekV2": (BASE | DEEPSEEK | MLA, lambda e: deepseek(e, LATENT), HEAD),
    "DeepseekV3": (BASE | DEEPSEEK | MLA, lambda e: deepseek(e, LATENT), HEAD),
    "JetMoe": (  # heads of queries are experts too
        JETMOE,
        lambda e: layers(e, FF, attention=2 * H * 16 + N * H + e * 2 * H * 16 + H, beside=H),
        0,
    ),
    "Dbrx": (
        DBRX | {"ffn_config": DBRX_FFN, "attn_config": DBRX_ATTENTION},
        lambda e: layers(e, FF),
        HEAD,
    ),
    "GptOss": (
        BASE | LOCAL | {"head_dim": 8},
        lambda e: layers(e, FF, beside=e * (2 * FF + H) + N + 2 * Q + 2 * KV + 4),  # biases and sinks
        HEAD,
    ),
    "Glm4Moe": (BASE | DEEPSEEK | {"head_dim": 8}, lambda e: deepseek(e, ATTENTION), HEAD),
    "Dots1": (BASE | DEEPSEEK | {"head_dim": 8}, lambda e: deepseek(e, ATTENTION + 2 * 8), HEAD),
    "FlexOlmo": (BASE | TOP, lambda e: layers(e, FF, norms=NORMS + Q + KV), HEAD),
    "Llama": (BASE, lambda _: layers(1, FF, router=0), HEAD),
    "BitNet": (BASE, lambda _: layers(1, FF, router=0, norms=NORMS + H + FF), 0),
}


def tiny(name, settings):
    import transformers

    config = getattr(transformers, f"{name}Config")(**settings)
    return getattr(transformers, f"{name}ForCausalLM")(config)


@pytest.mark.parametrize("name", CASES)
def test_of_experts_those_that_a_token_meets_multiply_whatever_the_architecture(name):
    settings, by_hand, looked_up = CASES[name]
    tied = settings.get("tie_word_embeddings", not looked_up)
    model = tiny(name, settings | {"tie_word_embeddings": tied})
    counts = count_parameters(model)
    assert counts.unknown == {}
    assert counts.n_parameters == by_hand(N) + HEAD + looked_up
    assert counts.n_matmul_parameters == by_hand(K) + HEAD
    assert counts.weight_bytes == 4 * counts.n_parameters


def test_layers_that_choose_different_numbers_of_experts_count_each_its_own():
    model = tiny("HunYuanMoEV1", BASE | {"num_experts": N, "moe_topk": [2, 3], "head_dim": 8})
    counts = count_parameters(model)
    saved = (N - 2 + N - 3) * mlp(FF)
    looked_up = 0 if model.config.tie_word_embeddings else HEAD
    assert counts.n_matmul_parameters == counts.n_parameters - saved - looked_up


def test_experts_that_compute_nothing_leave_the_work_unknown():
    widths = {"num_layers": L, "ffn_hidden_size": FF, "expert_ffn_hidden_size": MOE, "head_dim": 4}
    model = tiny(
        "LongcatFlash",
        SIZES | MLA | widths | {"n_routed_experts": N, "zero_expert_num": 2, "moe_topk": K},
    )
    counts = count_parameters(model)
    assert counts.n_parameters is not None
    assert counts.n_matmul_parameters is None
    assert "compute nothing" in counts.unknown["n_matmul_parameters"]


def with_own_experts(*, list_name="specialists", top_k: int | None = K, n: int = N):
    """A Llama whose second layer has experts as a model's own code may call them."""
    from torch import nn

    class OwnMixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.choice = nn.Linear(H, n, bias=False)
            self.add_module(list_name, nn.ModuleList(nn.Linear(H, H) for _ in range(n)))
            if top_k is not None:
                self.num_selected_experts = top_k

    model = tiny("Llama", BASE | {"tie_word_embeddings": False})
    model.model.layers[1].mlp = OwnMixture()
    return model


@pytest.mark.parametrize("list_name", ["specialists", "experts", "blocks", "mlps"])
@pytest.mark.parametrize("n", [2, 5, N])  # two: as many as layers
def test_a_list_of_equal_modules_beside_a_router_is_one_of_experts_whatever_its_name(list_name, n):
    counts = count_parameters(with_own_experts(list_name=list_name, n=n))
    assert counts.n_matmul_parameters == counts.n_parameters - HEAD - (n - K) * (H * H + H)


def test_experts_without_a_known_choice_leave_the_work_unknown_but_not_the_size():
    counts = count_parameters(with_own_experts(top_k=None))
    assert counts.n_parameters is not None
    assert counts.n_matmul_parameters is None
    assert "nothing says how many a token is sent to" in counts.unknown["n_matmul_parameters"]


def test_fused_experts_of_an_unknown_number_leave_the_work_unknown():
    import torch

    model = tiny("Llama", BASE)
    model.model.layers[1].mlp.experts = torch.nn.Module()
    model.model.layers[1].mlp.experts.weight = torch.nn.Parameter(torch.zeros(4, H, H))
    counts = count_parameters(model)
    assert counts.n_matmul_parameters is None
    assert "nothing says how many" in counts.unknown["n_matmul_parameters"]
