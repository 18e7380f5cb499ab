"""What is tried on a tokenizer before the load is not tried again after it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.backends.pytorch.prompts.trial import prompt_problems, was_tried
from tests.support.pytorch_runs import TEXTS, as_prompts, configure

pytestmark = pytest.mark.model


def test_a_tokenizer_of_the_hub_is_tried_once_and_only_where_the_cache_has_it(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    config, prompts = configure("acme/tiny"), as_prompts(TEXTS)
    assert prompt_problems(config, prompts) == []
    assert not was_tried(config, prompts)
    repo = tmp_path / "models--acme--tiny"
    shutil.copytree(tiny_llama, repo / "snapshots" / "0123")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0123")
    assert prompt_problems(config, prompts) == []
    assert was_tried(config, prompts)
    assert not was_tried(config, prompts[1:])
    assert not was_tried(configure("acme/tiny", workload={"chat_template": True}), prompts)
