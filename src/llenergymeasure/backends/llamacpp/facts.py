"""What is known of a loaded GGUF model, and why the rest is not."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.backends.llamacpp.devices import gpu_names
from llenergymeasure.backends.llamacpp.parameters import options_of, threads_of
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.gguf_info import gguf_model_info
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.shape import Execution
from llenergymeasure.domain.model.source import find_source

NO_STEPS = "llama.cpp does not report its iterations"


def describe(config: ExperimentConfig, file: Path) -> ModelInfo:
    """Return shape and provenance of the model, whose weights are used as the file has them."""
    options = options_of(config)
    n_threads, _ = threads_of(options)
    source = find_source(parse_model_ref(config.model, config.revision))
    devices = ("cpu",) if config.device == "cpu" or options.n_gpu_layers == 0 else _gpus()
    return gguf_model_info(
        config.model,
        file,
        kv_type=options.cache_type_k,
        attention=f"flash_attn {options.flash_attn}",
        devices=devices,
        cpu_threads=n_threads,
        revision=source.package_version or config.revision,
        execution=Execution(
            pads=False,
            unknown="what the attention of llama.cpp executes is not known: it skips masked blocks on some devices",
            passes_unknown=f"requests share forward passes, and {NO_STEPS}",
        ),
        unknown={"steps": NO_STEPS},
    )


def _gpus() -> tuple[str, ...]:
    return tuple(f"cuda:{index}" for index, _ in enumerate(gpu_names()))
