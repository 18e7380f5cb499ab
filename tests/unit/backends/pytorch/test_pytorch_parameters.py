from __future__ import annotations

import pytest

from llenergymeasure.backends.pytorch.facts.parameters import (
    count_matmul_parameters,
    count_parameters,
    weight_bytes,
)

pytestmark = pytest.mark.model

VOCABULARY, HIDDEN = 400, 64


def model_in(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


def test_a_table_that_is_only_looked_up_does_not_multiply(tiny_llama):
    model = model_in(tiny_llama)
    assert count_parameters(model) - count_matmul_parameters(model) == VOCABULARY * HIDDEN


def test_a_table_that_is_the_output_layer_too_multiplies_and_positions_do_not(tiny_gpt2):
    model = model_in(tiny_gpt2)
    assert count_parameters(model) - count_matmul_parameters(model) == 512 * HIDDEN


def test_positions_with_an_offset_are_looked_up_as_well(tiny_opt):
    model = model_in(tiny_opt)
    assert count_parameters(model) - count_matmul_parameters(model) == (512 + 2) * HIDDEN


def test_of_experts_those_that_a_token_meets_count():
    from transformers import MixtralConfig, MixtralForCausalLM

    model = MixtralForCausalLM(
        MixtralConfig(
            vocab_size=300,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            num_local_experts=8,
            num_experts_per_tok=2,
        )
    )
    experts = 2 * 8 * 3 * 32 * 64  # layers x experts x matrices
    assert count_matmul_parameters(model) == count_parameters(model) - 300 * 32 - experts * 6 // 8


def test_packed_four_bit_weights_count_as_what_they_stand_for():
    import torch

    class Params4bit(torch.nn.Parameter):
        """As bitsandbytes stores them: two weights in a byte."""

    packed = Params4bit(torch.zeros(50, 1, dtype=torch.uint8), requires_grad=False)
    module = torch.nn.Module()
    module.weight = packed
    assert count_parameters(module) == 100
    assert weight_bytes(module) == 50
