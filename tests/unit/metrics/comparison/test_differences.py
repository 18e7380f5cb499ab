"""What differs between results is found, and said where it bends the comparison."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheUse
from llenergymeasure.domain.breakdowns.served import Served
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.metrics.comparison.differences import compare, differences
from tests.support.sample_results import measured_result


def _served(**facts: Any) -> Served:
    return Served(facts=ServingFacts(**facts))


def _bending(*results: ExperimentResult) -> list[str]:
    return [each.name for each in differences(results) if each.bends]


def test_equal_results_differ_in_nothing() -> None:
    assert differences([measured_result(), measured_result(experiment_id="other")]) == ()


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (
            "prompts",
            {"fingerprints": Fingerprints(prompts_sha256="a")},
            {"fingerprints": Fingerprints(prompts_sha256="b")},
        ),
        ("stop_tokens", {"served": _served(stop_token_ids=(2,))}, {"served": _served(stop_token_ids=(2, 7))}),
        ("sampling", {"served": _served(sampling={})}, {"served": _served(sampling={"temperature": 0.6})}),
        (
            "begin_twice",
            {"served": _served(head_token_ids=(1, 5))},
            {"served": _served(head_token_ids=(1, 1))},
        ),
        ("speculative", {"served": _served(speculative="none")}, {"served": _served(speculative="ngram")}),
        (
            "kv_cache_dtype",
            {"served": _served(kv_cache_dtype="fp8")},
            {"served": _served(kv_cache_dtype="bf16")},
        ),
        (
            "load",
            {"config": {"load": {"kind": "offline"}}},
            {"config": {"load": {"kind": "closed", "concurrency": 4}}},
        ),
        (
            "decoder",
            {"config": {"decoder": {"ignore_eos": True}}},
            {"config": {"decoder": {"ignore_eos": False}}},
        ),
        (
            "cache",
            {"prefix_cache": PrefixCacheUse(policy="cold")},
            {"prefix_cache": PrefixCacheUse(policy="warm")},
        ),
        (
            "cached",
            {"prefix_cache": PrefixCacheUse(policy="as_is", cached_fraction=0.0)},
            {"prefix_cache": PrefixCacheUse(policy="as_is", cached_fraction=0.5)},
        ),
        ("verdict", {"verdict": "invalid"}, {"verdict": "valid"}),
    ],
)
def test_what_bends_the_comparison_is_told(name: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert _bending(measured_result(**one), measured_result(**other)) == [name]


def test_answers_of_other_lengths_bend_the_comparison_from_two_percent_on() -> None:
    result = measured_result()
    longer = measured_result(output_tokens=round(result.output_tokens * 1.1))
    about = measured_result(output_tokens=round(result.output_tokens * 1.01))
    assert _bending(result, longer) == ["answer_tokens"]
    assert _bending(result, about) == []


def test_other_tokens_of_the_same_number_are_told_without_a_warning() -> None:
    one = measured_result(fingerprints=Fingerprints(tokens_sha256="a"))
    other = measured_result(fingerprints=Fingerprints(tokens_sha256="b"))
    assert [(each.name, each.bends) for each in differences([one, other])] == [("tokens", False)]


def test_what_one_result_does_not_say_is_no_difference_and_is_named() -> None:
    one = measured_result(served=_served(context_limit=2048))
    comparison = compare([one, measured_result()], ["a", "b"])
    assert comparison.differences == ()
    assert comparison.unknown == ("Context limit",)


def test_those_that_bend_come_first() -> None:
    one = measured_result(served=_served(context_limit=2048, stop_token_ids=(2,)))
    other = measured_result(served=_served(context_limit=4096, stop_token_ids=()))
    assert [each.bends for each in differences([one, other])] == [True, False]
