"""Random models of a few thousand weights, one for each way of attending and of sharing work among weights."""

from __future__ import annotations

from typing import Any

_H, _V, _FF = 64, 128, 96
_SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_BASE = {
    "vocab_size": _V,
    "hidden_size": _H,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": _FF,
    "max_position_embeddings": 64,
    **_SPECIAL,
}
_GROUPED = {**_BASE, "num_key_value_heads": 2}
_WIDE_HEADS = {**_GROUPED, "head_dim": 24}
_GPT2 = {"vocab_size": _V, "n_embd": _H, "n_layer": 3, "n_head": 4, "n_positions": 64, **_SPECIAL}
_EXPERTS = {"num_experts_per_tok": 2, "num_local_experts": 4, "num_experts": 4, "moe_intermediate_size": 40}
_LATENT = {
    "kv_lora_rank": 20,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 12,
    "v_head_dim": 10,
    "head_dim": 8,
    "num_key_value_heads": 4,
}
_DEEPSEEK = {
    **_BASE,
    **_LATENT,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 40,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
_WINDOW = {"sliding_window": 5}
_PARTS = ["sliding_attention", "full_attention", "sliding_attention"]
_VISION = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
_OPT = {"ffn_dim": _FF, "hidden_size": _H, "vocab_size": _V, "num_hidden_layers": 3, "num_attention_heads": 4}

TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama": ("LlamaForCausalLM", _BASE),
    "Llama, GQA, tied": ("LlamaForCausalLM", {**_GROUPED, "tie_word_embeddings": True}),
    "Llama, MQA": ("LlamaForCausalLM", {**_BASE, "num_key_value_heads": 1}),
    "Qwen2": ("Qwen2ForCausalLM", _GROUPED),
    "Qwen3": ("Qwen3ForCausalLM", _WIDE_HEADS),
    "Mistral, window": ("MistralForCausalLM", {**_GROUPED, **_WINDOW}),
    "Gemma": ("GemmaForCausalLM", _WIDE_HEADS),
    "Gemma 2": ("Gemma2ForCausalLM", {**_WIDE_HEADS, **_WINDOW, "layer_types": _PARTS}),
    "Gemma 3": ("Gemma3ForCausalLM", {**_WIDE_HEADS, **_WINDOW, "layer_types": _PARTS}),
    "Gemma 3, with images": (
        "Gemma3ForConditionalGeneration",
        {
            "text_config": {**_WIDE_HEADS, **_WINDOW, "layer_types": _PARTS},
            "vision_config": {**_VISION, "model_type": "siglip_vision_model"},
            "mm_tokens_per_image": 4,
        },
    ),
    "GPT-2": ("GPT2LMHeadModel", _GPT2),
    "GPT-BigCode, MQA": ("GPTBigCodeForCausalLM", _GPT2),
    "OPT": ("OPTForCausalLM", {**_OPT, "word_embed_proj_dim": 32, "do_layer_norm_before": False, **_SPECIAL}),
    "Phi": ("PhiForCausalLM", _GROUPED),
    "Phi-3": ("Phi3ForCausalLM", _GROUPED),
    "Falcon, MQA": (
        "FalconForCausalLM",
        {"vocab_size": _V, "hidden_size": _H, "num_hidden_layers": 3, "num_attention_heads": 4, **_SPECIAL},
    ),
    "GPT-NeoX": ("GPTNeoXForCausalLM", _BASE),
    "BLOOM": (
        "BloomForCausalLM",
        {"vocab_size": _V, "hidden_size": _H, "n_layer": 3, "n_head": 4, **_SPECIAL},
    ),
    "MPT": (
        "MptForCausalLM",
        {"vocab_size": _V, "d_model": _H, "n_layers": 3, "n_heads": 4, "max_seq_len": 64},
    ),
    "StarCoder2": ("Starcoder2ForCausalLM", {**_GROUPED, **_WINDOW}),
    "Mixtral": ("MixtralForCausalLM", {**_GROUPED, **_EXPERTS}),
    "Qwen2-MoE": ("Qwen2MoeForCausalLM", {**_GROUPED, **_EXPERTS, "shared_expert_intermediate_size": 48}),
    "Qwen3-MoE": ("Qwen3MoeForCausalLM", {**_WIDE_HEADS, **_EXPERTS}),
    "AFMoE, gated attention": (
        "AfmoeForCausalLM",
        {**_WIDE_HEADS, **_EXPERTS, **_WINDOW, "num_dense_layers": 1, "layer_types": _PARTS},
    ),
    "gpt-oss": ("GptOssForCausalLM", {**_WIDE_HEADS, **_EXPERTS, **_WINDOW, "layer_types": _PARTS}),
    "DeepSeek-V2": ("DeepseekV2ForCausalLM", {**_DEEPSEEK, "q_lora_rank": None}),
    "DeepSeek-V3": ("DeepseekV3ForCausalLM", {**_DEEPSEEK, "q_lora_rank": 24}),
}
"""By name: class of transformers, and the settings of its configuration."""


def build_tiny(name: str) -> Any:
    """Return the model with eager attention, and with experts that multiply one after the other: torch counts both."""
    import torch
    import transformers

    kind, settings = TINY[name]
    config = getattr(transformers, kind).config_class(**settings)
    config._attn_implementation = config._experts_implementation = "eager"
    torch.manual_seed(0)
    return getattr(transformers, kind)(config).eval()
