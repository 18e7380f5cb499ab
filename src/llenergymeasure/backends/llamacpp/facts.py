"""What is known of a loaded GGUF model, and why the rest is not."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.backends.llamacpp.devices import gpu_names
from llenergymeasure.backends.llamacpp.parameters import context_of_slot, options_of, threads_of
from llenergymeasure.config.models import DecoderConfig, ExperimentConfig
from llenergymeasure.core.packages import version_of
from llenergymeasure.domain.model.gguf_info import gguf_model_info
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.serving_facts import ServingFacts
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


def describe_serving(config: ExperimentConfig) -> ServingFacts:
    """Return how the engine serves; which tokens end an answer it does not tell, beyond those that the file names."""
    options = options_of(config)
    same = options.cache_type_k == options.cache_type_v
    return ServingFacts(
        engine=f"llama.cpp (xllamacpp {version_of('xllamacpp')})",
        context_limit=context_of_slot(config),
        stop_token_ids=() if config.decoder.ignore_eos else None,
        sampling=_sampling(config.decoder),
        chunked_prefill=True,
        speculative="none",
        kv_cache_dtype=options.cache_type_k if same else f"{options.cache_type_k}/{options.cache_type_v}",
    )


def _sampling(decoder: DecoderConfig) -> dict[str, float | int | bool | str]:
    settings: dict[str, float | int | bool | str] = {}
    if decoder.preset == "sampling":
        settings = {
            "temperature": decoder.temperature or 1.0,
            "top_k": decoder.top_k or 0,
            "top_p": decoder.top_p or 1.0,
        }
    if decoder.repetition_penalty is not None:
        settings["repetition_penalty"] = decoder.repetition_penalty
    return settings


def _gpus() -> tuple[str, ...]:
    return tuple(f"cuda:{index}" for index, _ in enumerate(gpu_names()))
