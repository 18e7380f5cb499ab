"""llama.cpp and PyTorch read the same tokens from one GGUF file."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure import plugins
from llenergymeasure.backends.llamacpp.backend import LlamaCppBackend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import find_source
from llenergymeasure.domain.request import Prompt

pytest.importorskip("xllamacpp")
pytestmark = [pytest.mark.model, pytest.mark.weights, pytest.mark.slow]

ROW_OF_SPECIALS = Prompt(prompt_id="specials", text="<|im_start|>naïve 😀 café\n\n\t日本語 <|endoftext|> x")
WORKLOADS: tuple[dict[str, Any], ...] = (
    {},
    {"chat_template": True},
    {"dataset": "synthetic", "input_tokens": 40},
)


def test_the_same_twenty_prompts_are_the_same_tokens(smollm2: str) -> None:
    from llenergymeasure.backends.pytorch.gguf_reading import read_once
    from llenergymeasure.backends.pytorch.loading import load_tokenizer
    from llenergymeasure.backends.pytorch.prompts.tokens import encode

    tokenizer: Any = None
    for workload in WORKLOADS:
        config = ExperimentConfig.model_validate(
            {
                "model": smollm2,
                "backend": "llamacpp",
                "device": "cpu",
                "llamacpp": {"n_threads": 1},
                "workload": {"n_prompts": 20, **workload},
            }
        )
        if tokenizer is None:
            with read_once():
                tokenizer = load_tokenizer(config, find_source(parse_model_ref(smollm2)))
        source = plugins.find("workloads", config.workload.dataset)()
        prompts = [
            *source.prompts(config.workload, config.random_seed),
            *([] if "dataset" in workload else [ROW_OF_SPECIALS]),
        ]
        backend = LlamaCppBackend()
        try:
            info = backend.load(config, AnchoredClock())
            told = [list(each.token_ids) for each in backend.encode(prompts)]
        finally:
            backend.close()
        assert told == encode(tokenizer, prompts, config.workload, info.vocab_size or 0)
