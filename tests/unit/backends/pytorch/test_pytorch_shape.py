"""The shape of tiny models as it is read from their modules, beside what torch counts and what is stored."""

from __future__ import annotations

import pytest

from llenergymeasure.backends.pytorch.facts.execution import read_execution
from llenergymeasure.backends.pytorch.facts.layers.read import read_shape
from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.metrics.performance.work.traffic import kv_bytes_per_token
from tests.support.flop_counting import computed_work, counted_flops, info_of
from tests.support.pytorch_runs import configure, loaded
from tests.support.tiny_architectures import build_tiny

pytestmark = pytest.mark.model


def shape_of(model, **options):
    shape, reason = read_shape(model, **options)
    assert reason is None
    return shape


@pytest.mark.parametrize(
    "name", ["Llama, MQA", "Mistral, window", "OPT", "Qwen2-MoE", "DeepSeek-V3", "Gemma 3, with images"]
)
@pytest.mark.parametrize("prompts", [(11,), (12, 7)])
def test_executed_flops_are_exactly_those_that_torch_counts(name, prompts):
    model = build_tiny(name)
    prefill, both = counted_flops(model, prompts, 1), counted_flops(model, prompts, 3)
    work = computed_work(model, prompts, 3)
    assert (work.prefill.flops_executed, work.decode.flops_executed) == (prefill, both - prefill)


def fused_attention_flops(calls):
    """Return the FLOPs of calls of fused attention: causal ones skip the masked half, a mask asks for the rectangle."""
    total = 0
    for query, key, value, is_causal in calls:
        rows, heads, width, dim = query.shape
        pairs = width * (width + 1) // 2 if is_causal else width * key.shape[2]
        total += 2 * rows * heads * pairs * (dim + value.shape[3])
    return total


@pytest.mark.parametrize("name", ["Llama", "Mistral, window"])
@pytest.mark.parametrize("prompts", [(4,), (5,), (9,), (9, 9), (9, 6)])
def test_fused_attention_executes_what_the_calls_of_its_kernel_ask_for(name, prompts, monkeypatch):
    import torch

    model, calls = build_tiny(name), []
    model.set_attn_implementation("sdpa")
    kernel = torch.nn.functional.scaled_dot_product_attention

    def recorded(query, key, value, *, attn_mask=None, is_causal=False, **settings):
        calls.append((query, key, value, is_causal))
        return kernel(query, key, value, attn_mask=attn_mask, is_causal=is_causal, **settings)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", recorded)
    matrices = counted_flops(model, prompts, 3)  # torch counts nothing for fused attention on a CPU
    work = computed_work(model, prompts, 3)
    assert work.total.flops_executed == matrices + fused_attention_flops(calls)


@pytest.mark.parametrize("name", ["Llama, GQA, tied", "OPT", "Mixtral", "DeepSeek-V3", "GPT-BigCode, MQA"])
def test_all_bytes_of_a_model_are_in_one_part_of_its_shape(name):
    model = build_tiny(name)
    shape = shape_of(model)
    experts = sum(
        each.layers * each.experts.number * each.experts.n_bytes for each in shape.layers if each.experts
    )
    stored = {id(each): each.numel() * each.element_size() for each in model.parameters()}
    assert shape.bytes_per_pass + experts + shape.embedding_bytes == sum(stored.values())


def test_layers_that_are_alike_are_one_row():
    first, second = shape_of(build_tiny("Gemma 2")).layers
    assert (first.layers, first.attention.window, second.layers, second.attention.window) == (2, 5, 1, None)
    assert (first.attention.kind, first.attention.kv_heads, first.mlp, first.intermediate_size) == (
        "gqa",
        2,
        "gated",
        96,
    )


def test_a_tied_table_is_the_output_layer_and_is_read_once():
    tied, apart = shape_of(build_tiny("Llama, GQA, tied")), shape_of(build_tiny("Llama"))
    assert (tied.tied_embeddings, tied.embedding_bytes, tied.embedding_bytes_per_token) == (True, 0, 0)
    assert (apart.tied_embeddings, apart.embedding_bytes_per_token) == (False, 4 * 64)
    assert tied.output_bytes == apart.output_bytes == 4 * 64 * 128


def test_experts_shared_experts_and_router_are_told_apart():
    layer = shape_of(build_tiny("Qwen2-MoE")).layers[0]
    assert layer.experts is not None
    assert (layer.experts.number, layer.experts.per_token, layer.experts.parameters) == (4, 2, 3 * 64 * 40)
    assert layer.router_parameters == 4 * 64
    assert layer.shared_expert_parameters == 3 * 64 * 48 + 64  # and its gate


def test_latent_attention_caches_its_latent():
    attention = shape_of(build_tiny("DeepSeek-V3")).layers[0].attention
    assert (attention.kind, attention.q_lora_rank, attention.kv_lora_rank) == ("mla", 24, 20)
    assert attention.cached_elements == 20 + 8


LLAMA_405B = {
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}


@pytest.mark.parametrize(
    ("kind", "settings", "kv_bytes", "billions_per_token"),
    [("Llama", LLAMA_405B, 516_096, 404), ("DeepseekV3", {}, 70_272, 37)],
)
def test_large_models_have_the_sizes_that_are_published(kind, settings, kv_bytes, billions_per_token):
    """KV bytes per token as arXiv:2505.09343, table 1, has them; no memory is taken for the weights."""
    import torch
    import transformers

    with torch.device("meta"):
        config = getattr(transformers, f"{kind}Config")(**settings)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    info = info_of(model)
    assert info.shape is not None
    assert kv_bytes_per_token(info) == kv_bytes
    active = info.shape.parameters_per_token + info.shape.output_parameters
    assert round(active / 1e9) == billions_per_token


def test_the_kv_cache_has_the_type_of_the_model_or_no_fixed_one():
    import torch

    model = build_tiny("Llama").to(torch.bfloat16)
    assert (shape_of(model).kv_dtype, shape_of(model).kv_element_bytes) == ("bfloat16", 2)
    assert shape_of(model, cache_implementation="quantized").kv_element_bytes is None


def test_an_adapter_multiplies_and_is_read_besides_the_layer_that_it_adapts():
    from peft import LoraConfig, get_peft_model

    plain = shape_of(build_tiny("Llama"))
    settings = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(build_tiny("Llama"), settings).get_base_model().eval()
    adapted = shape_of(model)
    lora = 4 * (64 + 64) + 4 * (96 + 64)
    assert adapted.layers[0].lora_parameters == lora
    assert adapted.layers[0].attention.parameters == plain.layers[0].attention.parameters
    assert adapted.bytes_per_pass - plain.bytes_per_pass == 3 * 4 * lora
    work = computed_work(model, (12, 7), 3)
    assert work.total.flops_executed == counted_flops(model, (12, 7), 3)


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        ("MambaForCausalLM", {"hidden_size": 32, "num_hidden_layers": 2}, "layers of type linear_attention"),
        (
            "T5ForConditionalGeneration",
            {"d_model": 32, "num_layers": 1, "d_ff": 32},
            "an encoder and a decoder",
        ),
        ("DiffLlamaForCausalLM", {"hidden_size": 32, "num_attention_heads": 4}, "lambda_k1"),
        ("BertLMHeadModel", {"hidden_size": 36, "is_decoder": True}, "BertSelfAttention"),
    ],
)
def test_an_architecture_that_is_not_understood_has_no_shape_and_a_reason(kind, settings, reason):
    import transformers

    small = {"vocab_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
    config = getattr(transformers, kind).config_class(**{**small, **settings})
    info = info_of(getattr(transformers, kind)(config))
    assert info.shape is None
    assert reason in info.unknown["shape"]


def test_a_module_that_nobody_knows_leaves_the_shape_unknown():
    import torch

    model = build_tiny("Llama")
    model.model.layers[1].mlp.mixer = torch.nn.Conv1d(64, 64, 3)
    shape, reason = read_shape(model)
    assert shape is None
    assert reason == (
        "LlamaForCausalLM: model.layers.1.mlp.mixer.weight of Conv1d is not known to be a matrix"
    )


def test_a_model_that_fails_when_it_is_asked_has_no_shape():
    model = build_tiny("Llama")
    model.get_decoder = lambda: {}["decoder"]
    assert read_shape(model) == (None, "LlamaForCausalLM: KeyError: 'decoder'")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_beams": 2}, "beam search"),
        ({"use_cache": False}, "without a KV cache"),
        ({"prompt_lookup_num_tokens": 3}, "drafts"),
    ],
)
def test_what_answers_do_not_tell_leaves_the_passes_unknown(options, reason):
    execution = read_execution(build_tiny("Llama"), PyTorchConfig(**options))
    assert reason in (execution.passes_unknown or "")
    assert execution.unknown == execution.passes_unknown


@pytest.mark.model
def test_beam_search_is_named_where_steps_and_token_times_are_missing(tiny_llama):
    with loaded(configure(tiny_llama)) as one, loaded(configure(tiny_llama, pytorch={"num_beams": 2})) as two:
        assert not {"steps", "token_times"} & set(one._loaded()._info.unknown)
        unknown = two._loaded()._info.unknown
        assert (
            unknown["steps"] == unknown["token_times"] == "beam search decides on its tokens only at the end"
        )


def test_the_execution_follows_from_attention_cache_and_output_layer():
    model = build_tiny("Llama")
    eager = read_execution(model, PyTorchConfig())
    assert (eager.attention, eager.output_positions, eager.unknown) == ("rectangle", "last", None)
    assert "static KV cache" in (
        read_execution(model, PyTorchConfig(cache_implementation="static")).unknown or ""
    )
    model.config._attn_implementation = "sdpa"
    assert read_execution(model, PyTorchConfig()).attention == "causal_unless_masked"
    model.config._attn_implementation = "flex_attention"
    assert "flex_attention" in (read_execution(model, PyTorchConfig()).unknown or "")
