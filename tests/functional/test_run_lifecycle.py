"""What a run leaves behind, whether it ends, is stopped, fails or is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from llenergymeasure.api import load_result
from llenergymeasure.results.parquet.requests import read_requests
from llenergymeasure.results.parquet.trace_phases import read_phases, read_trace
from tests.support.standin_runs import LONG, QUICK, bundles_in, wait_for, with_measurement

BUNDLE = {
    "SHA256SUMS",
    "attribution.parquet",
    "config.yaml",
    "phases.parquet",
    "requests.parquet",
    "result.json",
    "run.json",
    "steps.parquet",
    "trace.parquet",
}


def _config(tmp_path: Path, settings: dict[str, object]) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def _start(tmp_path: Path, env: dict[str, str], settings: dict[str, object]) -> subprocess.Popen[str]:
    config = _config(tmp_path, settings)
    command = [sys.executable, "-m", "llenergymeasure", "run", str(config), "--output", str(tmp_path / "out")]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _run(
    tmp_path: Path, env: dict[str, str], settings: dict[str, object]
) -> subprocess.CompletedProcess[str]:
    process = _start(tmp_path, env, settings)
    out, err = process.communicate(timeout=90)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _child(process: subprocess.Popen[str], module: str) -> psutil.Process:
    """Wait for the descendant of a run that executes a module."""

    def find() -> psutil.Process | None:
        for child in psutil.Process(process.pid).children(recursive=True):
            if any(module in word for word in child.cmdline()):
                return child
        return None

    return wait_for(find)


def _wait_for_window(process: subprocess.Popen[str]) -> str:
    """Read the plain progress until the first window begins."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "window" in line or "repeat" in line:
            return said
    raise AssertionError(f"no window began:\n{said}")


def _jobs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "out" / "single" / ".jobs").glob("*"))


def _gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


def test_finished_run_leaves_a_bundle_that_loads_back(tmp_path: Path, standin_env: dict[str, str]) -> None:
    done = _run(tmp_path, standin_env, QUICK)
    assert done.returncode == 0, done.stderr
    (bundle,) = bundles_in(tmp_path)
    assert {path.name for path in bundle.iterdir()} == BUNDLE
    result = load_result(bundle)
    assert result.model_validate_json((bundle / "result.json").read_text()) == result
    assert len(result.repeats) == 3
    assert result.energy.method == "estimated"
    assert str(bundle) in done.stdout + done.stderr


def test_figures_are_those_of_the_raw_tables(tmp_path: Path, standin_env: dict[str, str]) -> None:
    assert _run(tmp_path, standin_env, QUICK).returncode == 0
    (bundle,) = bundles_in(tmp_path)
    result = load_result(bundle)
    requests = [each for each in read_requests(bundle / "requests.parquet").rows() if each.repeat >= 0]
    assert result.total_requests == len(requests)
    assert result.output_tokens == sum(request.output_tokens for request in requests)
    assert result.input_tokens == sum(request.prompt_tokens for request in requests) == 5 * len(requests)
    windows = [phase for phase in read_phases(bundle / "phases.parquet") if phase.name == "window"]
    assert result.total_inference_time_s == pytest.approx(sum(window.duration_s for window in windows))
    assert result.total_energy_j == pytest.approx(sum(repeat.energy_j or 0 for repeat in result.repeats))


def test_config_of_a_bundle_repeats_the_experiment(tmp_path: Path, standin_env: dict[str, str]) -> None:
    assert _run(tmp_path, standin_env, QUICK).returncode == 0
    (first,) = bundles_in(tmp_path)
    again = [sys.executable, "-m", "llenergymeasure", "run", str(first / "config.yaml"), "--json"]
    done = subprocess.run(again, env=standin_env, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["config_hash"] == load_result(first).config_hash
    assert len(bundles_in(tmp_path)) == 2


def test_ctrl_c_keeps_what_was_measured_under_a_name_that_says_so(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    process = _start(tmp_path, standin_env, LONG)
    _wait_for_window(process)
    processes = psutil.Process(process.pid).children(recursive=True)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name.endswith(".interrupted")
    assert bundle.name in err
    assert {path.name for path in bundle.iterdir()} == BUNDLE - {"result.json", "attribution.parquet"}
    phases = read_phases(bundle / "phases.parquet")
    assert [(phase.name, phase.complete) for phase in phases][-1] == ("window", False)
    assert len(read_requests(bundle / "requests.parquet")) > 0
    assert len(read_trace(bundle / "trace.parquet").samples) > 0
    assert _gone(processes)
    facts = json.loads((bundle / "run.json").read_text())
    assert facts["experiment_id"] + ".interrupted" == bundle.name
    assert facts["interrupted"].startswith("a signal")
    assert facts["snapshot"]["python_version"]
    assert facts["model_info"]["name"] == "any"
    assert facts["interference"]["before"] is not None
    assert facts["interference"]["windows"] is not None
    assert facts["meters"] == ["estimate"]


def test_a_second_ctrl_c_stops_at_once_and_says_where_the_samples_are(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    process = _start(tmp_path, standin_env, LONG)
    _wait_for_window(process)
    processes = psutil.Process(process.pid).children(recursive=True)
    _child(process, "llenergymeasure.worker").suspend()  # it cannot stop in order
    for _ in range(2):
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err.count("interrupt again") == 1
    assert err.splitlines()[-3:-1] == ["stopping at once", "stopped at once; no bundle was written"]
    assert not list((tmp_path / "out").rglob("*.partial"))
    assert bundles_in(tmp_path) == []
    (job,) = _jobs(tmp_path)
    assert err.splitlines()[-1] == f"Samples and log of the run were kept in {job}"
    assert (job / "spool" / "samples.bin").stat().st_size > 0
    assert _gone(processes)


def test_killed_sampler_makes_energy_unknown_with_the_reason(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    settings = with_measurement(window={"min_duration_s": 2})
    process = _start(tmp_path, standin_env, settings)
    _wait_for_window(process)
    _child(process, "llenergymeasure.meters").kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    (bundle,) = bundles_in(tmp_path)
    result = load_result(bundle)
    assert result.total_energy_j is None
    assert result.energy_per_output_token_j is None
    assert result.verdict == "invalid"
    codes = {warning.code: warning.message for warning in result.warnings}
    assert "SIGKILL" in codes["sampler_died"]
    assert "energy_unknown" in codes
    assert result.output_tokens_per_s is not None
    assert "sampler_died" in out + err


def test_strict_run_fails_on_an_invalid_result_and_keeps_it(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    settings = with_measurement(strict=True, window={"min_duration_s": 2})
    process = _start(tmp_path, standin_env, settings)
    _wait_for_window(process)
    _child(process, "llenergymeasure.meters").kill()
    _, err = process.communicate(timeout=60)
    (bundle,) = bundles_in(tmp_path)
    assert process.returncode == 8
    assert re.search(
        rf"the result is invalid \(.*sampler_died.*energy_unknown.*\); it is kept in {bundle}", err
    )


def test_killed_worker_is_a_clear_error_that_says_where_its_log_and_samples_are(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    process = _start(tmp_path, standin_env, LONG)
    _wait_for_window(process)
    processes = psutil.Process(process.pid).children(recursive=True)
    _child(process, "llenergymeasure.worker").kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "SIGKILL" in err
    assert "Traceback" not in err
    assert bundles_in(tmp_path) == []
    (job,) = _jobs(tmp_path)
    assert f"Samples and log of the run were kept in {job}" in err
    assert (job / "worker.log").exists()
    assert (job / "spool" / "samples.bin").stat().st_size > 0
    assert _gone(processes)


def test_worker_outlives_its_parent_only_to_keep_what_it_has(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    process = _start(tmp_path, standin_env, LONG)
    _wait_for_window(process)
    processes = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=30)
    assert _gone(processes)
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name.endswith(".interrupted")
    assert _jobs(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_end_of_a_batch_job_or_terminal_keeps_what_was_measured_and_leaves_no_litter(
    tmp_path: Path, standin_env: dict[str, str], number: signal.Signals
) -> None:
    process = _start(tmp_path, {**standin_env, "TMPDIR": str(tmp_path)}, LONG)
    _wait_for_window(process)
    processes = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name.endswith(".interrupted")
    assert _gone(processes)
    assert _jobs(tmp_path) == []
    assert list(tmp_path.glob("llem-*")) == []


def test_out_of_memory_mid_run_is_a_backend_error_and_keeps_what_was_measured(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = _run(tmp_path, standin_env, {**QUICK, "standin": {"token_s": 0.001, "fail_at_batch": 3}})
    assert done.returncode == 4
    assert "lower standin.batch_size" in done.stderr
    assert "Traceback" not in done.stderr
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name.endswith(".interrupted")
    assert f"what was measured until then is in {bundle}" in done.stderr
    assert "BackendError" in json.loads((bundle / "run.json").read_text())["interrupted"]
    assert read_requests(bundle / "requests.parquet")


def test_run_without_meters_has_no_energy_and_says_it_was_not_asked_for(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = _run(tmp_path, standin_env, {**QUICK, "energy": {"meters": "none"}})
    assert done.returncode == 0, done.stderr
    result = load_result(bundles_in(tmp_path)[0])
    assert result.total_energy_j is None
    assert "energy_not_asked_for" in {warning.code for warning in result.warnings}
    assert "energy_unknown" not in {warning.code for warning in result.warnings}
