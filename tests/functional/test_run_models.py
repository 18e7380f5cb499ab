"""The command line, end to end, on real SmolLM2 weights and on tiny models of three architectures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.api import load_result
from llenergymeasure.results.parquet.requests import read_requests
from llenergymeasure.results.parquet.trace_phases import read_phases

pytestmark = pytest.mark.model

SETTINGS = {
    "workload.n_prompts": 6,
    "workload.max_input_tokens": 24,
    "workload.max_output_tokens": 6,
    "measurement.baseline.idle_s": 0.3,
    "measurement.baseline.loaded_s": 0.3,
    "measurement.warmup.min_requests": 1,
    "measurement.warmup.min_duration_s": 0,
    "measurement.warmup.max_duration_s": "null",
    "measurement.window.min_duration_s": 0.3,
    "measurement.repeats.max": 3,
    "energy.meters": "estimate",
}


def run_model(model: str, out: Path, *more: str) -> dict[str, Any]:
    """Measure a model briefly on the CPU, as typed, and return the printed result."""
    command = [sys.executable, "-m", "llenergymeasure", "run", "--model", model, "--device", "cpu", "--json"]
    command += ["--output", str(out), *more]
    for key, value in SETTINGS.items():
        command += ["--set", f"{key}={value}"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _check_figures(result: dict[str, Any]) -> None:
    assert len(result["repeats"]) == 3
    assert result["energy"]["method"] == "estimated"
    assert result["total_energy_j"] > 0
    assert result["total_tokens"] == result["input_tokens"] + result["output_tokens"]
    assert result["total_flops"] >= 2 * result["model_info"]["n_matmul_parameters"] * result["output_tokens"]
    assert result["peak_memory_bytes"]["host"] > 10_000_000
    for name in ("total_energy_j", "energy_per_token_j", "output_tokens_per_s", "mean_power_w"):
        estimate = result["estimates"][name]
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
        assert estimate["value"] == result[name]


@pytest.mark.parametrize("shape", ["tiny_llama", "tiny_gpt2", "tiny_opt"])
def test_tiny_models_are_measured(shape: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model: Path = request.getfixturevalue(shape)
    result = run_model(str(model), tmp_path, "--precision", "fp32", "--set", "pytorch.batch_size=3")
    _check_figures(result)
    assert all(
        result["fingerprints"][f"{name}_sha256"] for name in ("prompts", "tokens", "weights", "tokenizer")
    )
    assert {repeat["requests"] % SETTINGS["workload.n_prompts"] for repeat in result["repeats"]} == {
        0
    }  # whole passes


@pytest.mark.weights
@pytest.mark.slow
def test_real_weights_are_measured_and_the_bundle_loads_back(tmp_path: Path, smollm2: str) -> None:
    result = run_model(smollm2, tmp_path, "--set", "pytorch.batch_size=3")
    _check_figures(result)
    assert result["model_info"]["n_parameters"] == pytest.approx(134.5e6, rel=0.01)
    (bundle,) = (tmp_path / "single").iterdir()
    assert result.pop("bundle") == str(bundle)
    assert load_result(bundle).model_dump(mode="json") == result
    names = [phase.name for phase in read_phases(bundle / "phases.parquet")]
    assert names == [
        "baseline_idle",
        "load",
        "prepare",
        "baseline_loaded",
        "warmup",
        "window",
        "window",
        "window",
    ]


def test_model_load_and_warmup_stay_outside_the_windows(tmp_path: Path, tiny_llama: Path) -> None:
    run_model(str(tiny_llama), tmp_path)
    (bundle,) = (tmp_path / "single").iterdir()
    phases = {phase.name: phase for phase in read_phases(bundle / "phases.parquet")}
    windows = [phase for phase in read_phases(bundle / "phases.parquet") if phase.name == "window"]
    assert phases["load"].end_unix_ns <= phases["warmup"].start_unix_ns
    assert phases["warmup"].end_unix_ns <= windows[0].start_unix_ns
    for request in read_requests(bundle / "requests.parquet").rows():
        if request.repeat >= 0:
            window = windows[request.repeat]
            assert window.start_unix_ns <= request.scheduled_unix_ns
            assert request.closed_unix_ns <= window.end_unix_ns


def test_greedy_counts_do_not_depend_on_the_batch(tmp_path: Path, tiny_llama: Path) -> None:
    one = run_model(str(tiny_llama), tmp_path, "--precision", "fp32", "--set", "pytorch.batch_size=1")
    six = run_model(str(tiny_llama), tmp_path, "--precision", "fp32", "--set", "pytorch.batch_size=6")
    per_request = [result["total_tokens"] / result["total_requests"] for result in (one, six)]
    assert per_request[0] == per_request[1]
