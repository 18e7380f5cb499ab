from __future__ import annotations

import pytest

from llenergymeasure.backends.pytorch.facts.parameters import count_parameters
from llenergymeasure.backends.pytorch.facts.shape import head_dim

pytestmark = pytest.mark.model

VOCABULARY, HIDDEN = 400, 64


def lookups(folder):
    from transformers import AutoModelForCausalLM

    counts = count_parameters(AutoModelForCausalLM.from_pretrained(folder))
    return counts.n_parameters - counts.n_matmul_parameters


def test_a_table_that_is_only_looked_up_does_not_multiply(tiny_llama):
    assert lookups(tiny_llama) == VOCABULARY * HIDDEN


def test_a_table_that_is_the_output_layer_too_multiplies_and_positions_do_not(tiny_gpt2):
    assert lookups(tiny_gpt2) == 512 * HIDDEN


def test_positions_with_an_offset_are_looked_up_as_well(tiny_opt):
    assert lookups(tiny_opt) == (512 + 2) * HIDDEN


def test_heads_of_latent_attention_multiply_over_the_mean_of_keys_and_values():
    from transformers import DeepseekV2Config, LlamaConfig

    latent = DeepseekV2Config(qk_rope_head_dim=4, qk_nope_head_dim=8, v_head_dim=8)
    assert head_dim(latent) == (4 + 8 + 8) // 2
    assert head_dim(LlamaConfig(hidden_size=32, num_attention_heads=4)) == 8
