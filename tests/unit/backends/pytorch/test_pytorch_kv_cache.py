"""The KV cache that is computed from shape and lengths is the one that transformers keeps."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.metrics.performance.kv_cache import KvCache, largest_kv_cache
from llenergymeasure.metrics.performance.work.traffic import kv_bytes_per_token
from tests.support.flop_counting import batch, info_of
from tests.support.tiny_architectures import build_tiny

pytestmark = pytest.mark.model

OUTPUTS = 4


@pytest.mark.parametrize("name", ["Llama, GQA, tied", "OPT", "DeepSeek-V3", "GPT-BigCode, MQA"])
@pytest.mark.parametrize("prompts", [(11,), (12, 7)])
def test_its_bytes_are_exactly_those_of_the_cached_tensors(name: str, prompts: tuple[int, ...]) -> None:
    model = build_tiny(name)
    cache = largest_kv_cache(info_of(model), batch(prompts, [OUTPUTS] * len(prompts)))
    assert isinstance(cache, KvCache)
    assert cache.n_bytes == _kept_bytes(model, prompts)
    assert cache.tokens == len(prompts) * (max(prompts) + OUTPUTS - 1)


def test_a_layer_with_a_window_keeps_what_a_token_looks_back_at() -> None:
    model = build_tiny("Mistral, window")
    info = info_of(model)
    cache = largest_kv_cache(info, batch((12, 7), [OUTPUTS] * 2))
    assert isinstance(cache, KvCache)
    itself = 2 * (
        kv_bytes_per_token(info) or 0
    )  # between two steps transformers keeps all but the token to come
    assert cache.n_bytes == _kept_bytes(model, (12, 7)) + itself


def _kept_bytes(model: Any, prompts: tuple[int, ...]) -> int:
    """Return the bytes of keys and values after a batch was answered."""
    import torch

    width = max(prompts)
    answer = model.generate(
        input_ids=torch.randint(3, 100, (len(prompts), width)),
        attention_mask=torch.tensor([[0] * (width - each) + [1] * each for each in prompts]),
        max_new_tokens=OUTPUTS,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        return_dict_in_generate=True,
    )
    return sum(
        tensor.nbytes for layer in answer.past_key_values.layers for tensor in (layer.keys, layer.values)
    )
