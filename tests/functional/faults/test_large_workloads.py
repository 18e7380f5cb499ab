"""Prompts of millions of characters, and a million prompts: told or tried in little time and memory."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app
from tests.support.models import edit_json

ABORTING = """
from transformers import PreTrainedTokenizerFast

class Own(PreTrainedTokenizerFast):
    def __call__(self, *args, **given):
        import os
        os.abort()
"""


@pytest.fixture(autouse=True)
def _model(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_llama, "model")


def _write_prompts(*characters: int) -> None:
    lines = [json.dumps({"prompt": "word " * (number // 5)}) for number in characters]
    Path("big.jsonl").write_text("\n".join(lines))


def _dry_run(*settings: str) -> tuple[int, str]:
    arguments = [part for setting in settings for part in ("--set", setting)]
    done = CliRunner().invoke(
        app, ["run", "--model", "./model", "--device", "cpu", "--dry-run", "-q", *arguments]
    )
    return done.exit_code, " ".join(done.stderr.split())


def test_a_prompt_of_millions_of_characters_is_told_with_its_line() -> None:
    _write_prompts(10, 2_000_000)
    code, told = _dry_run("workload.dataset=big.jsonl")
    assert code == 3
    assert (
        "big.jsonl, line 2: the prompt has 2,000,000 characters, and of all its tokens only the last 512"
        in told
    )
    assert "template" not in told


def test_a_prompt_that_fits_no_context_is_told_before_it_is_tokenised() -> None:
    _write_prompts(2_000_000)
    code, told = _dry_run("workload.dataset=big.jsonl", "workload.max_input_tokens=1000000000")
    assert code == 3
    assert "prompt line-1 has 2,000,000 characters, and the model's context is 512 tokens" in told


@pytest.mark.parametrize(
    ("characters", "remedy"),
    [(500_000, "prompt line-1 has 500,000 characters, shorten it"), (50, "its files are")],
)
def test_a_tokenizer_that_aborts_is_not_taken_for_a_template(characters: int, remedy: str) -> None:
    Path("model/own.py").write_text(ABORTING)
    edit_json(Path("model/tokenizer_config.json"), auto_map={"AutoTokenizer": [None, "own.Own"]})
    _write_prompts(characters)
    code, told = _dry_run(
        "workload.dataset=big.jsonl", "trust_remote_code=true", "workload.max_output_tokens=8"
    )
    assert code == 3
    assert (
        "the tokenizer of model ./model ended the process that tried it (signal SIGABRT): " + remedy in told
    )
    assert "template" not in told


def test_a_million_prompts_are_not_made_to_look_at_them() -> None:
    short = ("workload.max_input_tokens=8", "workload.max_output_tokens=1", "measurement.repeats.max=3")
    assert _dry_run(*short) == (0, "")  # what it imports needs memory, too
    tracemalloc.start()
    try:
        assert _dry_run("workload.n_prompts=1000000", *short) == (0, "")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100e6
