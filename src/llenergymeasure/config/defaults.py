"""The defaults of each configuration version, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONFIG_VERSION = 1
"""Version of the defaults in this release; another default of an existing field needs a new version."""

Defaults = Mapping[int, Mapping[str, Any]]

DEFAULTS: Defaults = {
    1: {
        "backend": "pytorch",
        "device": "cuda",
        "precision": "bf16",
        "weights": "pretrained",
        "revision": None,
        "trust_remote_code": False,
        "random_seed": 42,
        "workload.dataset": "builtin",
        "workload.n_prompts": 100,
        "workload.max_input_tokens": 512,
        "workload.max_output_tokens": 128,
        "workload.input_tokens": None,
        "workload.input_lengths": None,
        "workload.input_lengths.min": 1,
        "workload.output_lengths": None,
        "workload.output_lengths.min": 1,
        "workload.turns": 1,
        "workload.trace_format": "auto",
        "workload.prompt_field": "prompt",
        "workload.chat_template": False,
        "decoder.preset": "deterministic",
        "decoder.temperature": None,
        "decoder.top_k": None,
        "decoder.top_p": None,
        "decoder.repetition_penalty": None,
        "decoder.ignore_eos": False,
        "load.kind": "offline",
        "load.think_time_s": 0.0,
        "load.arrivals": "poisson",
        "load.burstiness": 1.0,
        "load.max_in_flight": None,
        "load.ramp_s": 0.0,
        "load.format": "auto",
        "load.speed": 1.0,
        "cache": "cold",
        "slo": None,
        "slo.preset": None,
        "slo.ttft_s": None,
        "slo.tpot_s": None,
        "slo.e2e_s": None,
        "slo.percentile": 99.0,
        "measurement.cooldown.max_temperature_c": None,
        "measurement.cooldown.max_wait_s": 300.0,
        "measurement.baseline.idle_s": 30.0,
        "measurement.baseline.context_s": 5.0,
        "measurement.baseline.loaded_s": 10.0,
        "measurement.baseline.reuse_max_age_s": 0.0,
        "measurement.warmup.min_requests": 2,
        "measurement.warmup.min_duration_s": 5.0,
        "measurement.warmup.max_duration_s": 60.0,
        "measurement.window.min_duration_s": 10.0,
        "measurement.repeats.min": 3,
        "measurement.repeats.max": 10,
        "measurement.repeats.target_relative_ci": 0.02,
        "measurement.require_quiet": False,
        "measurement.strict": False,
        "energy.meters": "auto",
        "energy.exclude": [],
        "energy.nvml.activity": True,
        "energy.estimate.cpu_max_power_w": None,
        "energy.estimate.cpu_idle_power_w": None,
        "passthrough_kwargs": None,
        "pytorch": None,
        "pytorch.batch_size": 1,
        "pytorch.attn_implementation": None,
        "pytorch.device_map": None,
        "pytorch.num_threads": None,
        "pytorch.torch_compile": False,
        "pytorch.torch_compile_mode": None,
        "pytorch.torch_compile_backend": None,
        "pytorch.load_in_4bit": False,
        "pytorch.load_in_8bit": False,
        "pytorch.bnb_4bit_quant_type": None,
        "pytorch.bnb_4bit_compute_dtype": None,
        "pytorch.bnb_4bit_use_double_quant": None,
        "pytorch.use_cache": True,
        "pytorch.cache_implementation": None,
        "pytorch.num_beams": 1,
        "pytorch.length_penalty": None,
        "pytorch.early_stopping": None,
        "pytorch.prompt_lookup_num_tokens": None,
        "pytorch.assistant_model": None,
        "pytorch.assistant_revision": None,
        "pytorch.num_assistant_tokens": None,
        "pytorch.lora_adapter": None,
        "pytorch.lora_revision": None,
        "pytorch.lora_merge": False,
        "vllm.engine": {},
        "vllm.sampling": {},
        "vllm.lora_adapter": None,
        "llamacpp.n_parallel": 1,
        "llamacpp.n_ctx_per_slot": None,
        "llamacpp.n_gpu_layers": None,
        "llamacpp.n_threads": None,
        "llamacpp.n_threads_batch": None,
        "llamacpp.n_batch": 2048,
        "llamacpp.n_ubatch": 512,
        "llamacpp.cache_type_k": "f16",
        "llamacpp.cache_type_v": "f16",
        "llamacpp.flash_attn": "auto",
        "server.preset": None,
        "server.command": [],
        "server.arguments": [],
        "server.python": None,
        "server.port": None,
        "server.environment": {},
        "server.startup_timeout_s": 600.0,
        "server.health_path": None,
        "server.metrics_path": None,
        "server.reset_path": None,
        "server.url": None,
        "server.endpoint": None,
        "server.api_key_env": None,
        "server.request_timeout_s": 600.0,
        "server.extra_body": None,
        "tensorrt.runtime": "pytorch",
        "tensorrt.tokenizer": None,
        "tensorrt.tensor_parallel_size": 1,
        "tensorrt.pipeline_parallel_size": 1,
        "tensorrt.max_batch_size": None,
        "tensorrt.max_num_tokens": None,
        "tensorrt.max_seq_len": None,
        "tensorrt.enable_chunked_prefill": False,
        "tensorrt.quantisation": None,
        "tensorrt.kv_cache_dtype": "auto",
        "tensorrt.kv_cache_free_gpu_memory_fraction": None,
        "tensorrt.kv_cache_max_tokens": None,
        "launcher.kind": "local",
        "launcher.python": None,
        "output_dir": "results",
    },
}
"""By version, the JSON value of each field of the built-in sections that has a default; a new field adds a line."""


def first_default(field: str, tables: Defaults = DEFAULTS) -> Any:
    """Return the default that a field had when it was introduced.

    Raises:
        KeyError: the field is in no table, as those of a plugin are not.
    """
    for version in sorted(tables):
        if field in tables[version]:
            return tables[version][field]
    raise KeyError(field)


def complete(settings: Mapping[str, Any], tables: Defaults = DEFAULTS) -> dict[str, Any]:
    """Return settings with the defaults of their own version written out where a later version changed them.

    Without a `config_version` they have the defaults of the latest.
    """
    latest = max(tables)
    version = settings.get("config_version")
    stated = tables.get(version, {}) if isinstance(version, int) else {}
    moved = {field: value for field, value in stated.items() if tables[latest].get(field, value) != value}
    completed = dict(settings)
    for field, value in moved.items():
        _set_default(completed, field.split("."), value)
    return completed


def _set_default(settings: dict[str, Any], path: list[str], value: Any) -> None:
    first, *rest = path
    if not rest:
        settings.setdefault(first, value)
    elif isinstance(settings.get(first) or {}, Mapping):
        settings[first] = dict(settings.get(first) or {})
        _set_default(settings[first], rest, value)
