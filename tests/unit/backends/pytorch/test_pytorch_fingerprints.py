"""A tokenizer and its chat template are known by their content."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.models import edit_json
from tests.support.pytorch_runs import configure, loaded

pytestmark = pytest.mark.model


def _fingerprints(model: Path) -> dict[str, str]:
    with loaded(configure(model)) as backend:
        return dict(backend.fingerprints())


def test_tokenizer_and_template_are_told_apart(tiny_llama: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_llama, tmp_path / "copy"))
    first = _fingerprints(tiny_llama)
    assert _fingerprints(copy) == first
    template = copy / "chat_template.jinja"
    if template.exists():
        template.write_text(template.read_text() + " ")
    else:
        edit_json(copy / "tokenizer_config.json", chat_template="{{ messages[0]['content'] }}")
    changed = _fingerprints(copy)
    assert changed["tokenizer_sha256"] == first["tokenizer_sha256"]
    assert changed["chat_template_sha256"] != first["chat_template_sha256"]
    other = _fingerprints(tiny_gpt2)
    assert other["tokenizer_sha256"] != first["tokenizer_sha256"]
    assert "chat_template_sha256" not in other
