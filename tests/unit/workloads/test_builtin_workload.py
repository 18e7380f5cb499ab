"""The prompts that come with the package."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files

import pytest

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.workloads.builtin import BuiltinWorkload


@pytest.fixture(scope="module")
def records() -> list[dict[str, str]]:
    text = (files("llenergymeasure.workloads") / "data" / "prompts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _prompts(n_prompts: int, seed: int = 42):
    return BuiltinWorkload().prompts(WorkloadConfig(n_prompts=n_prompts), seed)


def test_there_are_at_least_128_prompts_and_no_two_alike(records):
    assert len(records) >= 128
    assert len({record["id"] for record in records}) == len(records)
    assert len({record["prompt"] for record in records}) == len(records)


def test_every_record_has_the_documented_keys(records):
    for record in records:
        assert list(record) == ["id", "category", "language", "prompt"]
        assert record["prompt"] == record["prompt"].strip() != ""


def test_the_set_spans_kinds_languages_and_lengths(records):
    assert len({record["category"] for record in records}) >= 7
    assert {"en", "de", "fr", "es", "pt", "it", "pl", "tr", "zh", "ja", "ko", "ar", "hi"} <= {
        record["language"] for record in records
    }
    words = [len(record["prompt"].split()) for record in records if record["language"] == "en"]
    assert min(words) <= 5
    assert max(words) >= 300


def test_passages_to_summarise_have_80_to_450_words(records):
    words = [
        len(r["prompt"].split()) for r in records if r["category"] == "summary" and r["language"] == "en"
    ]
    assert len(words) >= 8
    assert all(80 <= count <= 450 for count in words)


@pytest.mark.parametrize("n_prompts", [8, 16, 32, 64])
def test_any_first_prompts_are_a_mix(records, n_prompts):
    kinds = Counter(record["category"] for record in records[:n_prompts])
    assert len(kinds) >= min(7, n_prompts)
    assert max(kinds.values()) <= max(2, 0.3 * n_prompts)
    assert len({record["language"] for record in records[:n_prompts]}) >= (1 if n_prompts == 8 else 3)


def test_prompts_are_those_of_the_file_in_its_order(records):
    prompts = _prompts(20)
    assert [(p.prompt_id, p.text) for p in prompts] == [(r["id"], r["prompt"]) for r in records[:20]]


def test_the_seed_changes_nothing():
    assert _prompts(30, seed=1) == _prompts(30, seed=2)


def test_more_prompts_than_there_are_repeat_from_the_start_under_new_ids(records):
    prompts = _prompts(2 * len(records) + 3)
    assert prompts[len(records)].text == prompts[0].text
    assert prompts[len(records)].prompt_id == f"{prompts[0].prompt_id}#2"
    assert prompts[-1].prompt_id == f"{prompts[2].prompt_id}#3"
    assert len({prompt.prompt_id for prompt in prompts}) == len(prompts)


def test_check_passes_and_refuses_a_field_it_would_ignore():
    assert BuiltinWorkload().check(WorkloadConfig()) is None
    refused = BuiltinWorkload().check(WorkloadConfig(prompt_field="question"))
    assert refused is not None
    assert "prompt_field 'question'" in refused
