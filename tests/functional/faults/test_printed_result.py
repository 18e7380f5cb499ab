"""What a user reads: which run a result is of, and where the warnings go."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.bundles import write_run
from tests.support.standin_runs import BRIEF, bundles_in


def _llem(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llenergymeasure", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize("options", [["--quiet"], ["--json"]])
def test_a_run_says_what_ran_and_its_warnings_go_to_standard_error(
    tmp_path: Path, standin_env: dict[str, str], options: list[str]
) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({**BRIEF, "standin": {"token_s": 0.005, "batch_size": 64}}))
    done = _llem("run", str(path), f"--output={tmp_path / 'out'}", *options, env=standin_env)
    assert done.returncode in (0, 8), done.stderr
    assert "warning energy_estimated: " in done.stderr
    if options == ["--json"]:
        assert json.loads(done.stdout)["warnings"]
        return
    assert "energy_estimated" not in done.stdout
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "Workload synthetic, 8 prompts a pass, no chat template" in lines
    assert "Tokens per request 5.0 read and 8.0 written (at most 512 and 128)" in lines
    assert "Load offline, batches of 8: batch_size is 64, and a pass has 8 prompts" in lines
    (bundle,) = bundles_in(tmp_path)
    assert "warning energy_estimated: " in _llem("show", str(bundle), env=standin_env).stdout


def test_an_interrupted_bundle_shows_what_was_measured(tmp_path: Path) -> None:
    done = _llem("show", str(write_run(tmp_path, "run.interrupted", interrupted=True)))
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "baseline_idle 2.00 s, 160.0 J counter" in lines
    assert "window 3 2.00 s, 600.0 J, 160 output tokens, 3.750 J/token counter" in lines


def test_the_folder_of_a_job_is_no_bundle_and_says_what_it_is(tmp_path: Path) -> None:
    job = tmp_path / "results" / "single" / ".jobs" / "20260101T000000-m-01234567"
    job.mkdir(parents=True)
    (job / "job.json").write_text("{}")
    done = _llem("show", str(job))
    assert done.returncode == 6
    assert "is the job folder of a run that goes on or was killed" in done.stderr
    assert "worker.log" in done.stderr


def test_a_damaged_table_is_told_in_words(tmp_path: Path) -> None:
    bundle = write_run(tmp_path, "run.interrupted", interrupted=True)
    (bundle / "trace.parquet").write_bytes((bundle / "trace.parquet").read_bytes()[:-200])
    done = _llem("show", str(bundle))
    assert done.returncode == 6
    assert "trace.parquet cannot be read: it is damaged, or llem did not write it (" in done.stderr
    assert (
        "trace.parquet: cannot be read: it is damaged, or llem did not write it ("
        in _llem("verify", str(bundle)).stdout
    )


def test_a_folder_that_does_not_exist_is_not_said_to_differ(tmp_path: Path) -> None:
    done = _llem("verify", str(tmp_path / "nonexist"))
    assert done.returncode == 9
    assert done.stdout.startswith(f"missing  {tmp_path / 'nonexist'}\n  ✗ does not exist\n")
