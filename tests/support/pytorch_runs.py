"""Short ways for tests to run a model through the PyTorch backend."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.pytorch.generation import Generation, StaticBatch
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.request import Prompt
from tests.support.models import edit_json

TEXTS = (
    "The quick brown fox",
    "A meter reads joules and a model reads tokens, one after the other",
    "def add(a, b): return",
)


def configure(model: Path | str, *, max_output_tokens: int = 12, **fields: Any) -> ExperimentConfig:
    """Return an experiment on the CPU in fp32; `fields` as in ExperimentConfig, `workload` merged."""
    workload = {"max_output_tokens": max_output_tokens, **fields.pop("workload", {})}
    return ExperimentConfig.model_validate(
        {"model": str(model), "device": "cpu", "precision": "fp32", "workload": workload, **fields}
    )


def as_prompts(texts: Sequence[str]) -> list[Prompt]:
    return [Prompt(prompt_id=f"p{index}", text=text) for index, text in enumerate(texts)]


@contextmanager
def loaded(config: ExperimentConfig) -> Iterator[PyTorchBackend]:
    """A backend with its model; closed at the end."""
    backend = PyTorchBackend()
    try:
        backend.load(config, AnchoredClock())
        yield backend
    finally:
        backend.close()


def generate(model: Path | str, texts: Sequence[str] = TEXTS, **fields: Any) -> list[Generation]:
    """Load, serve each prompt once, close."""
    config = configure(model, **fields)
    with loaded(config) as backend:
        return serve(backend, as_prompts(texts))


def serve(backend: PyTorchBackend, prompts: Sequence[Prompt]) -> list[Generation]:
    """Serve each prompt once, and return the answers with their token ids, which a request's record does not have."""
    return [answer for batch in batches_of(backend, prompts) for answer in backend._loaded().generate(batch)]


def batches_of(backend: PyTorchBackend, prompts: Sequence[Prompt]) -> list[StaticBatch]:
    """Return the batches in which the backend serves a workload."""
    backend.encode(prompts)
    return list(backend._loaded()._batches.values())


def with_ends(folder: Path, target: Path, eos_token_id: int | list[int]) -> Path:
    """Copy a model so that other tokens end a sequence."""
    shutil.copytree(folder, target)
    edit_json(target / "generation_config.json", eos_token_id=eos_token_id)
    return target
