"""Synthetic prompts have the lengths that were asked for, drawn from the seed, and sessions that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.workloads.synthetic import SyntheticWorkload


def _config(**settings: Any) -> WorkloadConfig:
    limits = {"max_input_tokens": 4096, "max_output_tokens": 512, "n_prompts": 4000}
    return WorkloadConfig.model_validate({"dataset": "synthetic", **limits, **settings})


def _prompts(seed: int = 1, **settings: Any) -> list[Prompt]:
    return SyntheticWorkload().prompts(_config(**settings), seed)


def test_lognormal_lengths_have_their_median_and_spread_and_keep_to_the_limits() -> None:
    lengths = {"kind": "lognormal", "median": 200, "sigma": 0.8, "min": 20, "max": 2000}
    tokens = np.array([each.n_tokens for each in _prompts(input_lengths=lengths)])
    assert np.median(tokens) == pytest.approx(200, rel=0.05)
    assert np.log(tokens).std() == pytest.approx(0.8, rel=0.05)
    assert (tokens.min(), tokens.max()) == (20, 2000)


def test_uniform_lengths_reach_both_limits() -> None:
    tokens = {
        each.max_output_tokens for each in _prompts(output_lengths={"kind": "uniform", "min": 3, "max": 9})
    }
    assert tokens == set(range(3, 10))


def test_without_a_distribution_nothing_changes() -> None:
    (prompt,) = _prompts(n_prompts=1, input_tokens=7)
    assert (prompt.n_tokens, prompt.max_output_tokens, prompt.session) == (7, None, None)


def test_lengths_of_answers_do_not_move_those_of_prompts() -> None:
    inputs = {"kind": "uniform", "min": 1, "max": 1000}
    outputs = {"kind": "uniform", "min": 1, "max": 500}
    alone = [each.n_tokens for each in _prompts(input_lengths=inputs)]
    assert alone == [each.n_tokens for each in _prompts(input_lengths=inputs, output_lengths=outputs)]
    assert alone != [each.n_tokens for each in _prompts(seed=2, input_lengths=inputs)]


def test_each_turn_begins_with_the_tokens_of_those_before_it() -> None:
    prompts = _prompts(n_prompts=6, turns=3, input_tokens=10, max_output_tokens=5)
    assert [each.n_tokens for each in prompts] == [10, 25, 40, 10, 25, 40]
    assert [each.session for each in prompts] == ["session-1"] * 3 + ["session-2"] * 3
    assert len({each.token_seed for each in prompts[:3]}) == 1
    assert prompts[0].token_seed != prompts[3].token_seed


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"input_tokens": 5, "input_lengths": {"kind": "uniform", "min": 1, "max": 2}}, "both say how long"),
        ({"input_lengths": {"kind": "uniform", "min": 1, "max": 5000}}, "input_lengths.max 5000 exceeds"),
        ({"turns": 9, "input_tokens": 400}, "the prompt of turn 9 has up to 7696 tokens, over"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(settings: dict[str, Any], sentence: str) -> None:
    assert sentence in str(SyntheticWorkload().check(_config(**settings)))
