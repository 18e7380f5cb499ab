"""What a user is told of a model whose chat template or tokenizer does not do, before anything is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure.api import load_result, verify
from llenergymeasure.backends.pytorch.prompts import trial
from llenergymeasure.cli.app import app
from tests.support.models import edit_json
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, loaded

pytestmark = pytest.mark.model

PARTS = (
    "{% for m in messages %}<|{{ m['role'] }}|>{% for p in m['content'] %}{% if p['type'] == 'text' %}{{ p['text'] }}"
    "{% endif %}{% endfor %}{% endfor %}<|assistant|>"
)
ENDLESS = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{{ messages[0].content }}"
)
HUGE = (
    "{% set ns = namespace(t=messages[0].content) %}{% for a in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}"
    "{{ ns.t }}"
)

RUN = """
model: ./model
device: cpu
precision: fp32
workload: {n_prompts: 4, max_input_tokens: 64, max_output_tokens: 4, chat_template: true}
measurement:
  baseline: {idle_s: 0, loaded_s: 0}
  warmup: {min_requests: 4, min_duration_s: 0, max_duration_s: null}
  window: {min_duration_s: 0.1}
  repeats: {min: 1, max: 1}
energy: {meters: none}
pytorch: {batch_size: 1}
"""


@pytest.fixture
def model(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(tiny_llama, "model"))


def _dry_run(*settings: str) -> tuple[int, str]:
    arguments = [part for setting in settings for part in ("--set", setting)]
    few = ["--set", "workload.max_output_tokens=8", "--set", "workload.max_input_tokens=64"]
    done = CliRunner().invoke(
        app, ["run", "--model", "./model", "--device", "cpu", "--dry-run", *few, *arguments]
    )
    assert "Traceback" not in done.output
    assert "internal error" not in done.output
    return done.exit_code, done.stderr


def _tokens(model: Path, *, template: bool) -> list[int]:
    with loaded(configure(model, workload={"chat_template": template})) as backend:
        return [each.prompt_tokens for each in backend.encode(as_prompts(TEXTS))]


def test_a_template_that_reads_content_parts_is_given_every_prompt(model: Path) -> None:
    (model / "chat_template.jinja").write_text(PARTS)
    assert _dry_run("workload.chat_template=true")[0] == 0
    added = [
        rendered - plain
        for rendered, plain in zip(_tokens(model, template=True), _tokens(model, template=False), strict=True)
    ]
    assert min(added) == max(added) > 0  # the wrapping, and the text in it


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("{{ raise_exception('The first message must be a system message') }}", "must be a system message"),
        (HUGE, "out of memory"),
        ("<s>{{ messages[0].content | upper }}", "does not keep prompt"),
        ("<s>{{ messages[0].content[:5] }}", "does not keep prompt"),
        ("{% for m in messages %}{{ m.content }}", "fails on one user message"),
    ],
)
def test_a_template_that_does_not_do_is_named_before_anything_is_loaded(
    model: Path, source: str, cause: str
) -> None:
    (model / "chat_template.jinja").write_text(source)
    code, told = _dry_run("workload.chat_template=true")
    assert code == 3
    assert cause in told
    assert "chat template" in told


def test_several_templates_without_a_default_are_told(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    named = [{"name": "rag", "template": "x"}, {"name": "tool_use", "template": "y"}]
    edit_json(model / "tokenizer_config.json", chat_template=named)
    code, told = _dry_run("workload.chat_template=true")
    assert code == 3
    assert "the chat template (model/tokenizer_config.json)" in told


def test_a_template_without_an_end_is_given_up(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "ENCODE_TIMEOUT_S", 1.0)
    (model / "chat_template.jinja").write_text(ENDLESS)
    code, told = _dry_run("workload.chat_template=true")
    assert code == 3
    assert "look for a loop without an end in the template" in told


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import os; os._exit(5)", "exit code 5"),
        ("input('go on? ')", "waits for input from a keyboard"),
    ],
)
def test_code_of_a_tokenizer_ends_nothing(model: Path, code: str, cause: str) -> None:
    (model / "own.py").write_text(
        f"from transformers import PreTrainedTokenizerFast\n\nclass Own(PreTrainedTokenizerFast):\n"
        f"    def __init__(self, *args, **given):\n        {code}\n"
    )
    edit_json(
        model / "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "own.Own"]}, tokenizer_class="Own"
    )
    status, told = _dry_run("trust_remote_code=true")
    assert status == 3
    assert cause in told
    assert "model ./model" in told


def test_a_context_that_is_too_small_is_told(model: Path) -> None:
    code, told = _dry_run("workload.max_output_tokens=600")
    assert code == 3
    assert "the model's context is 512" in told


def test_a_result_says_of_prompts_whether_the_model_can_read_them_and_whether_they_are_dated(
    model: Path,
) -> None:
    (model / "chat_template.jinja").write_text("<s> {{ strftime_now('%d %B %Y') }} {{ messages[0].content }}")
    words = {"<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3}
    edit_json(
        model / "tokenizer.json",
        model={"type": "WordLevel", "vocab": words, "unk_token": "<unk>"},
        pre_tokenizer={"type": "WhitespaceSplit"},
        post_processor=None,
        decoder=None,
    )
    Path("run.yaml").write_text(RUN)
    done = CliRunner().invoke(app, ["run", "run.yaml"])
    assert "internal error" not in done.output
    (found,) = Path("results").rglob("result.json")
    result = load_result(found.parent)
    told = {warning.code: warning.severity for warning in result.warnings}
    assert told["prompts_unknown"] == "invalid", done.output
    assert told["answer_not_asked_for"] == "warning"
    assert told["prompts_dated"] == "info"
    assert verify(found.parent).ok
