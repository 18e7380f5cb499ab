"""What is known of each inference server: one literal table, each row with the pages that it was checked against."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Confirmed = Literal["success_is_true", "status_is_200"]
"""When an answer to a reset confirms that the cache is empty: its JSON says `"success": true`, or its status does."""

OPENAI_USAGE: Mapping[str, Any] = {"stream_options": {"include_usage": True}}
"""Asks for the token counts of a stream; they come in its last message."""
VLLM_STYLE_FIELDS: Mapping[str, str] = {
    "top_k": "top_k",
    "ignore_eos": "ignore_eos",
    "repetition_penalty": "repetition_penalty",
}


@dataclass(frozen=True, kw_only=True)
class ResetRule:
    """How the prefix cache is emptied, and which answer confirms it."""

    path: str
    confirmed: Confirmed
    needs: str
    """What the server has to be started with so that it has this path; empty where it always has."""


@dataclass(frozen=True, kw_only=True)
class Counters:
    """The names under which a server counts, in Prometheus' text format; "" where it does not count that.

    A total is summed over all of its labels. Of a histogram, `NAME_sum` over `NAME_count` is the mean.
    """

    prompt_tokens: str = ""
    cached_prompt_tokens: str = ""
    output_tokens: str = ""
    requests: str = ""
    ttft: str = ""
    queued: str = ""
    prefill: str = ""
    decode: str = ""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One kind of server."""

    name: str
    docs: tuple[str, ...]
    """Where what this row says was read."""
    command: tuple[str, ...] = ()
    """How it is started; `{python}`, `{model}`, `{host}` and `{port}` are filled in. Empty: it is not started by us."""
    optional_arguments: tuple[str, ...] = ()
    """Added where the release of the server knows them: one that ends because of them is started without."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that it is started with."""
    cold_arguments: tuple[str, ...] = ()
    """Added under `cache: cold`: the engine keeps no prefixes then."""
    warm_arguments: tuple[str, ...] = ()
    """Added under `cache: warm`: the engine keeps prefixes then."""
    cold_request: Mapping[str, Any] = field(default_factory=dict)
    """Added to the body of each request under `cache: cold`: it reads nothing from the cache then."""
    keeps_prefixes: bool = True
    """Whether it keeps prefixes between requests where it is started without arguments."""
    default_port: int
    """Where it listens unless told otherwise."""
    health_path: str = "/health"
    metrics_path: str | None = None
    metrics_need: str = ""
    """What it has to be started with so that it has this path; empty where it always has."""
    counters: Counters = Counters()
    energy_path: str | None = None
    """Answers with `total_energy_j`, of the GPUs that it uses."""
    reset: ResetRule | None = None
    api_root: str = "/v1"
    usage_options: Mapping[str, Any] = field(default_factory=lambda: OPENAI_USAGE)
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    """Fields of a message whose text is reasoning."""
    extensions: Mapping[str, str] = field(default_factory=dict)
    """Fields of `decoder` that the OpenAI API lacks and this server takes, by name: their names in its requests."""


_VLLM_COUNTERS = Counters(
    prompt_tokens="vllm:prompt_tokens_total",
    cached_prompt_tokens="vllm:prefix_cache_hits_total",
    output_tokens="vllm:generation_tokens_total",
    requests="vllm:request_success_total",
    ttft="vllm:time_to_first_token_seconds",
    queued="vllm:request_queue_time_seconds",
    prefill="vllm:request_prefill_time_seconds",
    decode="vllm:request_decode_time_seconds",
)
GENERIC = Preset(
    name="openai",
    docs=("https://platform.openai.com/docs/api-reference/chat",),
    default_port=8000,
    extensions={"top_k": "top_k", "ignore_eos": "ignore_eos"},
)
"""A server of which nothing is known but its API."""
_ROWS = (
    Preset(
        name="vllm",
        docs=(
            "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
            "https://docs.vllm.ai/en/latest/usage/metrics.html",
            "https://github.com/vllm-project/vllm/blob/main/vllm/entrypoints/serve/cache/api_router.py",
            "https://github.com/vllm-project/vllm/issues/57727",
        ),
        command=(
            *("{python}", "-m", "vllm.entrypoints.openai.api_server", "--model", "{model}"),
            *("--host", "{host}", "--port", "{port}", "--enable-prompt-tokens-details"),
        ),
        optional_arguments=("--enable-per-request-metrics",),
        environment={"VLLM_SERVER_DEV_MODE": "1", "VLLM_NO_USAGE_STATS": "1"},
        cold_arguments=("--no-enable-prefix-caching",),
        warm_arguments=("--enable-prefix-caching",),
        default_port=8000,
        metrics_path="/metrics",
        counters=_VLLM_COUNTERS,
        reset=ResetRule(
            path="/reset_prefix_cache?reset_external=true",
            confirmed="success_is_true",
            needs="VLLM_SERVER_DEV_MODE=1 in its environment",
        ),
        extensions=VLLM_STYLE_FIELDS,
    ),
    Preset(
        name="sglang",
        docs=(
            "https://docs.sglang.io/advanced_features/server_arguments.html",
            "https://docs.sglang.io/references/production_metrics.html",
            "https://docs.sglang.io/basic_usage/native_api.html",
        ),
        command=(
            *("{python}", "-m", "sglang.launch_server", "--model-path", "{model}"),
            *("--host", "{host}", "--port", "{port}", "--enable-metrics", "--enable-cache-report"),
        ),
        cold_arguments=("--disable-radix-cache",),
        default_port=30000,
        health_path="/health",
        metrics_path="/metrics",
        metrics_need="--enable-metrics",
        counters=Counters(
            prompt_tokens="sglang:prompt_tokens_total",
            cached_prompt_tokens="sglang:cached_tokens_total",
            output_tokens="sglang:generation_tokens_total",
            requests="sglang:num_requests_total",
            ttft="sglang:time_to_first_token_seconds",
        ),
        reset=ResetRule(path="/flush_cache", confirmed="status_is_200", needs=""),
        extensions=VLLM_STYLE_FIELDS,
    ),
    Preset(
        name="llamacpp",
        docs=("https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",),
        command=(
            *("llama-server", "--model", "{model}", "--host", "{host}", "--port", "{port}", "--metrics"),
        ),
        cold_request={"cache_prompt": False},
        usage_options={**OPENAI_USAGE, "timings_per_token": True},
        default_port=8080,
        metrics_path="/metrics",
        metrics_need="--metrics",
        counters=Counters(
            prompt_tokens="llamacpp:prompt_tokens_total",
            cached_prompt_tokens="llamacpp:prompt_tokens_cached_total",
            output_tokens="llamacpp:tokens_predicted_total",
        ),
        extensions={"top_k": "top_k", "ignore_eos": "ignore_eos", "repetition_penalty": "repeat_penalty"},
    ),
    Preset(
        name="tensorrt",
        docs=(
            "https://nvidia.github.io/TensorRT-LLM/commands/trtllm-serve/trtllm-serve.html",
            "https://github.com/NVIDIA/TensorRT-LLM/blob/main/tensorrt_llm/serve/openai_server.py",
            "https://github.com/NVIDIA/TensorRT-LLM/blob/main/tensorrt_llm/metrics/collector.py",
            "https://github.com/NVIDIA/TensorRT-LLM/pull/11855",
        ),
        command=("trtllm-serve", "{model}", "--host", "{host}", "--port", "{port}"),
        default_port=8000,
        metrics_path="/prometheus/metrics",
        metrics_need="return_perf_metrics: true in its --config file",
        counters=Counters(
            prompt_tokens="trtllm_prompt_tokens_total",
            cached_prompt_tokens="trtllm_prompt_cached_tokens_total",
            output_tokens="trtllm_generation_tokens_total",
            requests="trtllm_request_success_total",
            ttft="trtllm_time_to_first_token_seconds",
            queued="trtllm_request_queue_time_seconds",
            prefill="trtllm_request_prefill_time_seconds",
            decode="trtllm_request_decode_time_seconds",
        ),
        energy_path="/energy_metrics",
        extensions=VLLM_STYLE_FIELDS,
    ),
    Preset(
        name="lmdeploy",
        docs=(
            "https://lmdeploy.readthedocs.io/en/latest/llm/api_server.html",
            "https://github.com/InternLM/lmdeploy/blob/main/docs/en/advance/metrics.md",
            "https://github.com/InternLM/lmdeploy/blob/main/lmdeploy/metrics/loggers.py",
        ),
        command=(
            *("lmdeploy", "serve", "api_server", "{model}"),
            *("--server-name", "{host}", "--server-port", "{port}"),
        ),
        warm_arguments=("--enable-prefix-caching",),
        keeps_prefixes=False,
        default_port=23333,
        metrics_path="/metrics",
        counters=Counters(
            prompt_tokens="lmdeploy:prompt_tokens_total",
            output_tokens="lmdeploy:generation_tokens_total",
            requests="lmdeploy:request_success_total",
            ttft="lmdeploy:time_to_first_token_seconds",
            queued="lmdeploy:request_queue_time_seconds",
            prefill="lmdeploy:request_prefill_time_seconds",
            decode="lmdeploy:request_decode_time_seconds",
        ),
        extensions=VLLM_STYLE_FIELDS,
    ),
    Preset(
        name="ollama",
        docs=(
            "https://docs.ollama.com/api/openai-compatibility",
            "https://docs.ollama.com/faq",
        ),
        command=("ollama", "serve"),
        environment={"OLLAMA_HOST": "{host}:{port}"},
        default_port=11434,
        health_path="/api/version",
        reasoning_fields=("reasoning",),
    ),
)
PRESETS: Mapping[str, Preset] = {row.name: row for row in _ROWS}
"""The servers that `server.preset` names."""


def preset_named(name: str | None) -> Preset:
    """Return the row of a server; the generic one for None.

    Raises:
        KeyError: there is none of that name, with those that there are.
    """
    if name is None:
        return GENERIC
    found = PRESETS.get(name)
    if found is None:
        near = difflib.get_close_matches(name.lower(), PRESETS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise KeyError(f"unknown server '{name}'; known: {', '.join(PRESETS)}{hint}")
    return found
