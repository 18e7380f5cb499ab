"""Prompts of an exact length from a seed."""

from __future__ import annotations

import pytest

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.workloads.synthetic import SyntheticWorkload


def _prompts(seed: int = 42, **fields):
    return SyntheticWorkload().prompts(WorkloadConfig(dataset="synthetic", **fields), seed)


def test_every_prompt_has_the_asked_length_and_no_text():
    prompts = _prompts(n_prompts=5, input_tokens=77)
    assert [(prompt.n_tokens, prompt.text) for prompt in prompts] == [(77, None)] * 5


@pytest.mark.parametrize(("max_input_tokens", "n_tokens"), [(512, 128), (128, 128), (100, 100), (1, 1)])
def test_the_default_length_is_128_but_never_above_the_maximum(max_input_tokens, n_tokens):
    prompts = _prompts(n_prompts=1, max_input_tokens=max_input_tokens)
    assert prompts[0].n_tokens == n_tokens


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31, 2**63, 10**40])
def test_token_seeds_are_distinct_and_fit_32_bits(seed):
    seeds = [prompt.token_seed for prompt in _prompts(seed, n_prompts=500)]
    assert len(set(seeds)) == 500
    assert all(0 <= token_seed < 2**32 for token_seed in seeds)


def test_the_same_seed_gives_the_same_prompts_and_another_seed_others():
    assert _prompts(7, n_prompts=50) == _prompts(7, n_prompts=50)
    of_7 = {prompt.token_seed for prompt in _prompts(7, n_prompts=50)}
    of_8 = {prompt.token_seed for prompt in _prompts(8, n_prompts=50)}
    assert not of_7 & of_8


def test_ids_are_distinct():
    assert len({prompt.prompt_id for prompt in _prompts(n_prompts=50)}) == 50


def test_check_passes_and_refuses_a_field_it_would_ignore():
    assert SyntheticWorkload().check(WorkloadConfig(dataset="synthetic")) is None
    refused = SyntheticWorkload().check(WorkloadConfig(dataset="synthetic", prompt_field="question"))
    assert refused is not None
    assert "prompt_field 'question'" in refused
