"""Whole experiments with each kind of backend: static batches, continuous batching, streams in a closed loop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from llenergymeasure.api import load_result, open_bundle, verify
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.results.parquet.requests import read_requests
from llenergymeasure.results.parquet.trace_phases import read_phases

SETTINGS: dict[str, Any] = {
    "model": "any",
    "device": "cpu",
    "workload": {"dataset": "synthetic", "n_prompts": 10, "input_tokens": 5},
    "measurement": {
        "baseline": {"idle_s": 0, "loaded_s": 0},
        "warmup": {"min_requests": 8, "min_duration_s": 0, "max_duration_s": None},
        "window": {"min_duration_s": 0.5},
        "repeats": {"min": 3, "max": 3},
    },
    "energy": {"meters": "estimate"},
}
STATIC = {"backend": "standin", "standin": {"token_s": 0.005}}
CONTINUOUS = {"backend": "standin_continuous", "standin_continuous": {"token_s": 0.005, "slots": 3}}
STREAMING = {
    "backend": "standin_streaming",
    "standin_streaming": {"token_s": 0.005},
    "load": {"kind": "closed", "concurrency": 3},
}


def _run(tmp_path: Path, env: dict[str, str], **settings: Any) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **settings}))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(path), "--output", str(tmp_path / "out")]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)


def _measure(
    tmp_path: Path, env: dict[str, str], settings: dict[str, Any]
) -> tuple[ExperimentResult, RequestTable, list[Phase]]:
    done = _run(tmp_path, env, **settings)
    assert done.returncode == 0, done.stderr
    (bundle,) = (tmp_path / "out" / "single").iterdir()
    phases = [phase for phase in read_phases(bundle / "phases.parquet") if phase.name == "window"]
    return load_result(bundle), read_requests(bundle / "requests.parquet"), phases


def _tokens_in(table: RequestTable, window: Phase) -> tuple[int, int]:
    span = window.start_unix_ns, window.end_unix_ns
    return table.prompt_tokens_in(*span), table.output_tokens_in(*span)


@pytest.mark.parametrize("settings", [STATIC, CONTINUOUS, STREAMING], ids=lambda each: each["backend"])
def test_each_repeat_has_the_tokens_that_came_in_its_window(
    settings: dict[str, Any], tmp_path: Path, standin_env: dict[str, str]
) -> None:
    result, table, windows = _measure(tmp_path, standin_env, settings)
    assert len(result.repeats) == len(windows) == 3
    for repeat, window in zip(result.repeats, windows, strict=True):
        assert (repeat.input_tokens, repeat.output_tokens) == _tokens_in(table, window)
        assert repeat.output_tokens > 0
    assert set(table.status) == {"ok"}
    assert table.chunk_tokens.sum() == table.output_tokens.sum()


@pytest.mark.parametrize("settings", [STATIC, CONTINUOUS], ids=lambda each: each["backend"])
def test_offline_windows_do_whole_passes_and_never_less_work_than_before(
    settings: dict[str, Any], tmp_path: Path, standin_env: dict[str, str]
) -> None:
    result, table, _ = _measure(tmp_path, standin_env, settings)
    tokens = [repeat.output_tokens for repeat in result.repeats]
    assert tokens == sorted(tokens)
    assert all(repeat.requests % 10 == 0 for repeat in result.repeats)
    in_windows = table.select(table.repeat >= 0)
    assert result.output_tokens == in_windows.output_tokens.sum()
    assert result.total_requests == len(in_windows)


def test_a_closed_loop_keeps_its_clients_busy_over_the_edges(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    result, table, windows = _measure(tmp_path, standin_env, STREAMING)
    for window in windows:
        assert table.is_cut_by(window.start_unix_ns, window.end_unix_ns).sum() >= 3
    first = table.first_token_unix_ns - table.sent_unix_ns
    assert (first >= 2_000_000).all()  # not that of the message with a role alone
    assert result.ttft_s is not None
    assert result.ttft_s >= 0.002


def test_an_open_loop_has_its_schedule_and_is_handed_over_from_the_warmup(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    settings = {**STREAMING, "load": {"kind": "open", "rate_per_s": [20, 40]}}
    settings["measurement"] = {**SETTINGS["measurement"], "repeats": {"min": 2, "max": 2}}
    result, table, windows = _measure(tmp_path, standin_env, settings)
    assert [(window.rung, window.repeat) for window in windows] == [(0, 0), (0, 1), (1, 2), (1, 3)]
    for window in windows:
        assert table.is_cut_by(window.start_unix_ns, window.end_unix_ns).any()
    (bundle,) = (tmp_path / "out" / "single").iterdir()
    opened = open_bundle(bundle)
    assert opened.schedule is not None
    assert set(table.request_id) <= set(opened.schedule.request_id)
    assert [each.repeat for each in opened.facts.client] == [0, 1, 2, 3]
    assert verify(bundle).bundles[0].findings == ()
    assert result.total_requests > 0


def test_failed_requests_are_recorded_and_the_run_ends_well(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    settings = {**CONTINUOUS, "standin_continuous": {"token_s": 0.005, "slots": 3, "fail_every": 5}}
    _, table, _ = _measure(tmp_path, standin_env, settings)
    failed = table.select(table.status != "ok")
    assert len(failed) > 0
    assert set(failed.error_kind) == {"StandInFailure"}


@pytest.mark.parametrize("settings", [CONTINUOUS, STREAMING], ids=lambda each: each["backend"])
def test_requests_that_all_fail_are_an_error_of_the_backend(
    settings: dict[str, Any], tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = _run(tmp_path, standin_env, **{**settings, settings["backend"]: {"fail_every": 1}})
    assert done.returncode == 4
    assert "StandInFailure" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_load_that_the_backend_cannot_serve_is_refused_before_anything_is_loaded(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = _run(tmp_path, standin_env, **{**STATIC, "load": {"kind": "closed", "concurrency": 2}})
    assert done.returncode == 3
    assert "set load.kind: offline" in done.stderr


def test_the_load_is_part_of_what_a_configuration_measures(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    hashes = set()
    for concurrency in (1, 2):
        path = tmp_path / "experiment.yaml"
        load = {"kind": "closed", "concurrency": concurrency}
        path.write_text(yaml.safe_dump({**SETTINGS, **STREAMING, "load": load}))
        command = [sys.executable, "-m", "llenergymeasure", "run", str(path), "--json"]
        command += ["--output", str(tmp_path / "out")]
        done = subprocess.run(
            command, env=standin_env, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        hashes.add(json.loads(done.stdout)["config_hash"])
    assert len(hashes) == 2


@pytest.mark.parametrize("settings", [CONTINUOUS, STREAMING], ids=lambda each: each["backend"])
def test_an_interrupt_ends_a_window_in_order_and_keeps_its_requests(
    settings: dict[str, Any], tmp_path: Path, standin_env: dict[str, str]
) -> None:
    measurement = {**SETTINGS["measurement"], "window": {"min_duration_s": 60}}
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **settings, "measurement": measurement}))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(path), "--output", str(tmp_path / "out")]
    process = subprocess.Popen(command, env=standin_env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "window" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    (bundle,) = (tmp_path / "out" / "single").glob("*.interrupted")
    table = read_requests(bundle / "requests.parquet")
    assert (table.repeat == 0).any()
    assert read_phases(bundle / "phases.parquet")[-1].complete is False
    assert ("cancelled" in set(table.status)) == (settings is STREAMING)
