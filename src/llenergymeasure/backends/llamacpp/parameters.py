"""The parameters of llama.cpp for one experiment: all that is its own choice is stated."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llenergymeasure.backends.llamacpp.options import LlamaCppOptions
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.cpu import most_threads

CONTEXT_STEP = 256
"""llama.cpp rounds the context of a slot up to a multiple of this."""
ALL_LAYERS = -2
"""Of `n_gpu_layers`: every layer, however many there are."""
ERRORS_ONLY = 1
LOCALHOST = "127.0.0.1"

RESERVED: Mapping[str, str] = {
    "n_parallel": "llamacpp.n_parallel",
    "n_ctx": "llamacpp.n_ctx_per_slot",
    "n_gpu_layers": "llamacpp.n_gpu_layers",
    "n_batch": "llamacpp.n_batch",
    "n_ubatch": "llamacpp.n_ubatch",
    "cache_type_k": "llamacpp.cache_type_k",
    "cache_type_v": "llamacpp.cache_type_v",
    "flash_attn_type": "llamacpp.flash_attn",
    "n_predict": "workload.max_output_tokens",
    "cache_prompt": "cache",
    "cache_ram_mib": "cache",
    "cache_idle_slots": "cache",
    "n_cache_reuse": "cache",
}
"""Parameters that follow from a field of the configuration."""
_OWN = frozenset(
    {
        "hostname",
        "port",
        "api_keys",
        "verbosity",
        "fit_params",
        "ctx_shift",
        "kv_unified",
        "devices",
        "embedding",
    }
)
"""Parameters that this backend sets, since its records depend on them."""


def options_of(config: ExperimentConfig) -> LlamaCppOptions:
    """Return the options of this backend, its defaults where there is no section."""
    return config.options_of("llamacpp", LlamaCppOptions)


def context_of_slot(config: ExperimentConfig) -> int:
    """Return the tokens that prompt and answer of a request have room for, rounded up as llama.cpp does."""
    wanted = options_of(config).n_ctx_per_slot
    if wanted is None:
        wanted = config.workload.max_input_tokens + config.workload.max_output_tokens
    return math.ceil(wanted / CONTEXT_STEP) * CONTEXT_STEP


def threads_of(options: LlamaCppOptions) -> tuple[int, int]:
    """Return the processor threads for answers and for prompts."""
    n_threads = options.n_threads or most_threads()
    return n_threads, options.n_threads_batch or n_threads


def keeps_prefixes(config: ExperimentConfig) -> bool:
    """Whether the engine may keep the prompts of requests that have ended."""
    return config.cache != "cold"


def common_params(config: ExperimentConfig, file: Path) -> Any:
    """Return the `CommonParams` of an experiment; the address is one of this machine alone, with a key of its own."""
    import xllamacpp

    options, params = options_of(config), xllamacpp.CommonParams()
    for key, value in (config.passthrough_kwargs or {}).items():
        setattr(params, key, value)
    params.model.path = str(file)
    params.n_parallel = options.n_parallel
    params.n_ctx = context_of_slot(config) * options.n_parallel
    params.kv_unified = False  # each slot has room of its own, whatever the others need
    params.n_batch, params.n_ubatch = options.n_batch, options.n_ubatch
    params.cpuparams.n_threads, params.cpuparams_batch.n_threads = threads_of(options)
    params.cache_type_k = _member(xllamacpp.ggml_type, f"GGML_TYPE_{options.cache_type_k.upper()}")
    params.cache_type_v = _member(xllamacpp.ggml_type, f"GGML_TYPE_{options.cache_type_v.upper()}")
    params.flash_attn_type = _member(xllamacpp.llama_flash_attn_type, _FLASH[options.flash_attn])
    _place(params, config)
    _keep_prompts(params, keeps=keeps_prefixes(config))
    params.fit_params = False  # it would lower what was asked for until it fits
    params.ctx_shift = False  # it would forget the beginning of a long answer's prompt
    params.hostnames, params.port, params.api_keys = [LOCALHOST], 0, [secrets.token_hex(16)]
    params.verbosity = ERRORS_ONLY
    return params


def passthrough_problem(key: str, value: Any) -> str | None:
    """Return why `passthrough_kwargs` cannot have this entry; None where llama.cpp takes it."""
    if key in RESERVED:
        return f"passthrough_kwargs key '{key}' is set by this backend: remove it and set {RESERVED[key]}"
    if key in _OWN:
        return f"passthrough_kwargs key '{key}' is set by this backend: remove it"
    import xllamacpp

    params = xllamacpp.CommonParams()
    if not hasattr(params, key):
        return f"passthrough_kwargs key '{key}' is no field of xllamacpp.CommonParams: correct or remove it"
    try:
        setattr(params, key, value)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        return f"passthrough_kwargs key '{key}' does not take {value!r} ({error}): correct it"
    return None


_FLASH = {
    "auto": "LLAMA_FLASH_ATTN_TYPE_AUTO",
    "on": "LLAMA_FLASH_ATTN_TYPE_ENABLED",
    "off": "LLAMA_FLASH_ATTN_TYPE_DISABLED",
}


def _place(params: Any, config: ExperimentConfig) -> None:
    """A build for GPUs would give them large products and the KV cache also where no layer is on them."""
    if config.device == "cpu":
        params.n_gpu_layers, params.no_op_offload, params.no_kv_offload = 0, True, True
        return
    chosen = options_of(config).n_gpu_layers
    params.n_gpu_layers = ALL_LAYERS if chosen is None else chosen


def _keep_prompts(params: Any, *, keeps: bool) -> None:
    params.cache_prompt = params.cache_idle_slots = keeps
    if not keeps:
        params.cache_ram_mib = params.n_ctx_checkpoints = 0
        params.slot_prompt_similarity = 0.0


def _member(owner: Any, name: str) -> Any:
    return getattr(owner, name)
