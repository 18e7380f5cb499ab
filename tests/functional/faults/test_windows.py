"""Windows that do not measure what was asked for, in whole runs as a user starts them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from llenergymeasure.api import load_result
from llenergymeasure.domain.experiment import ExperimentResult
from tests.support.standin_runs import QUICK, bundles_in, with_measurement


def _measure(tmp_path: Path, env: dict[str, str], settings: dict[str, Any]) -> ExperimentResult:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(path), f"--output={tmp_path / 'out'}"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (bundle,) = bundles_in(tmp_path)
    return load_result(bundle)


def test_no_window_is_shorter_than_asked_where_the_backend_becomes_faster(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    result = _measure(tmp_path, standin_env, {**QUICK, "standin": {"token_s": 0.005, "drift": -0.02}})
    assert min(repeat.duration_s for repeat in result.repeats) >= 0.5
    assert result.repeats[0].requests < result.repeats[2].requests


def test_two_windows_whose_interval_says_nothing_make_a_result_invalid(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    few = with_measurement(window={"min_duration_s": 0.2}, repeats={"min": 2, "max": 2})
    result = _measure(
        tmp_path, standin_env, {**few, "standin": {"token_s": 0.005, "drift": 1.0, "batch_size": 8}}
    )
    told = {warning.code: warning.severity for warning in result.warnings}
    assert told["interval_wide"] == "invalid"
    assert "windows_differ" in told
    assert result.verdict == "invalid"


def _settings(model: Path, **measurement: Any) -> dict[str, Any]:
    return {
        "model": str(model),
        "device": "cpu",
        "precision": "fp32",
        "workload": {"n_prompts": 4, "max_input_tokens": 64, "max_output_tokens": 4},
        "measurement": {"baseline": {"idle_s": 0, "loaded_s": 0}, **measurement},
        "energy": {"meters": "none"},
    }


@pytest.mark.model
def test_nothing_is_compiled_in_the_windows_of_a_run_without_warmup(
    tmp_path: Path, standin_env: dict[str, str], tiny_llama: Path
) -> None:
    settings = _settings(
        tiny_llama,
        warmup={"min_requests": 0, "min_duration_s": 0, "max_duration_s": None},
        window={"min_duration_s": 0.3},
        repeats={"min": 2, "max": 2},
    )
    options = {"batch_size": 3, "torch_compile": True, "torch_compile_backend": "eager"}
    result = _measure(tmp_path, standin_env, {**settings, "pytorch": options})
    assert "compiled_in_window" not in {warning.code for warning in result.warnings}
    first, second = (repeat.duration_s / repeat.output_tokens for repeat in result.repeats)
    assert first < 5 * second


@pytest.mark.model
def test_a_batch_that_was_never_full_and_a_template_that_was_not_used_are_told(
    tmp_path: Path, standin_env: dict[str, str], tiny_llama: Path
) -> None:
    settings = _settings(
        tiny_llama,
        warmup={"min_requests": 4, "min_duration_s": 0, "max_duration_s": None},
        window={"min_duration_s": 0.1},
        repeats={"min": 1, "max": 1},
    )
    result = _measure(tmp_path, standin_env, {**settings, "pytorch": {"batch_size": 64}})
    told = {warning.code: warning for warning in result.warnings}
    assert told["batch_not_filled"].severity == "warning"
    assert "64" in told["batch_not_filled"].message
    assert "chat_template_unused" in told
