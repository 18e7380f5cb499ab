from __future__ import annotations

import pytest

from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.metrics.performance.flops import request_flops


def shape(**changes: object) -> ModelInfo:
    fields = {
        "name": "m",
        "architecture": "A",
        "n_parameters": 1500,
        "n_matmul_parameters": 1000,
        "n_layers": 2,
        "n_attention_heads": 4,
        "head_dim": 8,
        "dtype": "float32",
    }
    return ModelInfo.model_validate({**fields, **changes})


def test_a_token_costs_two_per_parameter_and_four_per_layer_dimension_and_look():
    assert request_flops(shape(), prompt_tokens=1, output_tokens=1) == 2 * 1000 + 4 * 2 * 4 * 8 * 1


def test_the_last_output_token_is_never_processed():
    processed = 5 + 3 - 1
    looks = sum(range(1, processed + 1))
    assert request_flops(shape(), 5, 3) == 2 * 1000 * processed + 4 * 2 * 4 * 8 * looks


@pytest.mark.parametrize("field", ["n_layers", "n_attention_heads", "head_dim"])
def test_an_unknown_shape_gives_no_number(field):
    assert request_flops(shape(**{field: None}), 5, 3) is None


def test_nothing_processed_costs_nothing():
    assert request_flops(shape(), 0, 0) == 0


@pytest.mark.model
@pytest.mark.parametrize("model", ["tiny_llama", "tiny_gpt2", "tiny_opt"])
@pytest.mark.parametrize(("n_prompt", "n_output"), [(1, 120), (40, 80)])
def test_the_formula_agrees_with_a_count_of_what_torch_multiplies(model, n_prompt, n_output, request):
    """Within 2 %: torch counts a prompt's masked half too, and skips its logits but the last."""
    from torch.utils.flop_counter import FlopCounterMode

    from llenergymeasure.backends.pytorch.backend import PyTorchBackend
    from llenergymeasure.core.clock import AnchoredClock
    from llenergymeasure.domain.request import Prompt
    from tests.support.pytorch_runs import batches_of, configure

    config = configure(
        request.getfixturevalue(model),
        max_output_tokens=n_output,
        decoder={"ignore_eos": True},
        pytorch={"attn_implementation": "eager"},  # torch counts no FLOPs of its fused attention on a CPU
    )
    backend = PyTorchBackend()
    info = backend.load(config, AnchoredClock())
    (batch,) = batches_of(backend, [Prompt(prompt_id="s", n_tokens=n_prompt, token_seed=0)])
    with FlopCounterMode(display=False) as counter:
        backend._loaded().generate(batch)
    backend.close()
    skipped = 2 * (n_prompt - 1) * info.vocab_size * info.hidden_size
    masked = 4 * info.n_layers * info.n_attention_heads * info.head_dim * n_prompt * (n_prompt - 1) / 2
    counted = counter.get_total_flops() + skipped - masked
    assert request_flops(info, n_prompt, n_output) == pytest.approx(counted, rel=0.02)
