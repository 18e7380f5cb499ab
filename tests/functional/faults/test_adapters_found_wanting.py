"""A LoRA adapter that cannot be loaded, typed on the command line: named before the baseline, with its file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app
from llenergymeasure.domain.model.files.adapter import adapter_problem
from tests.support.model_files import PAGE, POINTER, write_safetensors

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
Change = Callable[[Path], object]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA"}))
    write_safetensors(folder / WEIGHTS)
    return folder


def _write(name: str, content: str) -> Change:
    return lambda folder: (folder / name).write_text(content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (shutil.rmtree, "does not exist"),
        (lambda folder: (folder / CONFIG).unlink(), f"has no {CONFIG}"),
        (lambda folder: (folder / WEIGHTS).unlink(), f"has no weights ({WEIGHTS})"),
        (_write(CONFIG, "{"), f"{CONFIG}:1 is not valid JSON"),
        (_write(CONFIG, "[]"), f"{CONFIG} is a JSON list"),
        (_write(CONFIG, PAGE), f"{CONFIG} is a web page"),
        (_write(CONFIG, '{"peft_type": "IA3"}'), "is of type 'IA3'"),
        (_write(CONFIG, "{}"), "is of type None"),
        (_write(WEIGHTS, POINTER), f"{WEIGHTS} is a pointer of Git LFS"),
        (lambda folder: write_safetensors(folder / WEIGHTS, data=4), f"{WEIGHTS} is damaged: it ends 12 bytes early"),
    ],
)  # fmt: skip
def test_what_an_adapter_lacks_is_said(adapter: Path, change: Change, said: str) -> None:
    assert adapter_problem(str(adapter)) is None
    change(adapter)
    problem = str(adapter_problem(str(adapter)))
    assert said in problem
    assert "→" in problem


def test_an_id_on_the_hub_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert adapter_problem("acme/adapter") is None
    assert "does not exist" in str(adapter_problem("./adapter"))


@pytest.mark.model
def test_it_is_refused_before_anything_is_loaded(tiny_llama: Path, adapter: Path) -> None:
    (adapter / CONFIG).unlink()
    setting = f"pytorch.lora_adapter={adapter}"
    command = ["run", "--model", str(tiny_llama), "--device", "cpu", "--dry-run", "--set", setting]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 3, done.output
    assert f"pytorch.lora_adapter: adapter {adapter} has no {CONFIG}" in done.stderr
