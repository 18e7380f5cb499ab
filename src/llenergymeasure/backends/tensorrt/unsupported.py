"""What this backend cannot do as configured, found before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llenergymeasure.backends.tensorrt.arguments import RESERVED, is_engine, options_of
from llenergymeasure.config.models import ExperimentConfig

_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")


def refusals(config: ExperimentConfig) -> list[str]:
    """Return one sentence for each thing that cannot work, with what to do; empty if nothing is known to fail."""
    return [*_of_device(config), *_of_engine(config), *_of_passthrough(config)]


def _of_device(config: ExperimentConfig) -> Iterator[str]:
    if config.device != "cuda":
        yield "TensorRT-LLM computes on NVIDIA GPUs alone: set device: cuda, or another backend"
    if config.weights == "random":
        yield "TensorRT-LLM reads weights, and weights: random asks for none: remove it, or set another backend"
    if config.model.lower().endswith(".gguf"):
        yield "TensorRT-LLM reads no .gguf file: name a checkpoint in a folder or on the Hub, or set another backend"


def _of_engine(config: ExperimentConfig) -> Iterator[str]:
    options = options_of(config)
    if not is_engine(config.model):
        return
    if options.runtime != "tensorrt":
        yield f"{config.model} is a folder with a prebuilt engine: set tensorrt.runtime: tensorrt"
    if options.quantisation is not None:
        yield "tensorrt.quantisation is done when an engine is built, and this one is: remove it"
    folder = Path(config.model).expanduser()
    if options.tokenizer is None and not any((folder / name).is_file() for name in _TOKENIZERS):
        yield f"the engine in {config.model} has no tokenizer beside it: set tensorrt.tokenizer"


def _of_passthrough(config: ExperimentConfig) -> Iterator[str]:
    for key in config.passthrough_kwargs or {}:
        if key in RESERVED:
            yield f"passthrough_kwargs key '{key}' is set by this backend: remove it and set {RESERVED[key]}"
