"""A vLLM server that its preset starts, with real weights on a CPU: `make test-vllm`."""

from __future__ import annotations

import importlib.util
import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.backends.server.process.connect import open_server
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.domain.server_side import server_window
from tests.support.quick_servers import is_alive

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM: make test-vllm"),
]
OPTIONS = StartOptions(
    preset="vllm",
    python=sys.executable,
    arguments=("--max-model-len", "512", "--enforce-eager"),
    environment={"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"},
)


def completed(url: str, model: str, prompt: str) -> Any:
    body = {"model": model, "prompt": prompt, "max_tokens": 4, "temperature": 0, "stream": False}
    request = urllib.request.Request(
        f"{url}/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.loads(response.read())


def cached(answer: Any) -> int:
    return int(answer["usage"]["prompt_tokens_details"]["cached_tokens"])


def test_a_vllm_server_counts_resets_its_cache_and_leaves_nothing(
    smollm2_folder: Path, tmp_path: Path
) -> None:
    server = open_server(OPTIONS, model=str(smollm2_folder), cache="as_is", folder=tmp_path)
    pids = server.pids()
    try:
        before = server.sample()
        prompt = "The capital of France is a city that many people know. " * 20
        first, second = (completed(server.url, server.served_name, prompt) for _ in range(2))
        counted = server_window(0, before, server.sample())
        emptied = server.reset_prefix_cache()
        third = completed(server.url, server.served_name, prompt)
    finally:
        server.close()
    assert (counted.requests, counted.output_tokens) == (2, 8)
    assert counted.prompt_tokens == 2 * first["usage"]["prompt_tokens"]
    assert cached(first) == 0 < cached(second)
    assert counted.cached_prompt_tokens == cached(second)
    assert emptied is None
    assert cached(third) == 0
    assert first["metrics"]["generation_time_ms"] > 0
    assert server.context_limit == 512
    assert [pid for pid in pids if is_alive(pid)] == []
