"""What only reports never holds up what is measured; what holds it up all the same is found and said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from llenergymeasure.core.python_process import python_command
from llenergymeasure.launchers.job_folder import EventReader, read_outcome
from llenergymeasure.meters.base import MeterOptions
from tests.support.sampled_fakes import READINGS
from tests.support.standin_runs import BRIEF, bundles_in, wait_for, with_measurement

PREPARE = """
import json, sys
from llenergymeasure.config.loader import load_config
from llenergymeasure.orchestration.jobs import prepare_job
print(prepare_job(load_config(overrides=json.loads(sys.argv[1]))).absolute())
"""
SLOW_LISTENER = """
import json, sys, time
from llenergymeasure.api import run_experiment
heard = []

def listen(event):
    heard.append(event.kind)
    time.sleep(1.0)

result = run_experiment(json.loads(sys.argv[1]), on_event=listen)
stalled = [each.magnitude for each in result.warnings if each.code == "window_stalled"]
print(json.dumps({"heard": heard, "stalled": stalled}))
"""
LOST = 0.25
"""Fraction of a window of four seconds, at most six, that is lost when a process is stopped for two."""
ONE_WINDOW = with_measurement(window={"min_duration_s": 4.0}, repeats={"min": 1, "max": 1})


def _prepare(tmp_path: Path, env: dict[str, str], settings: dict[str, Any]) -> Path:
    settings = {**settings, "output_dir": str(tmp_path / "out")}
    command = [sys.executable, "-c", PREPARE, json.dumps(settings)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    return Path(done.stdout.strip())


def _in_window(job: Path) -> bool:
    return any(event.phase == "window" and event.kind == "progress" for event in EventReader(job).unread())


def _stalled(bundle: Path) -> dict[str, Any] | None:
    warnings = json.loads((bundle / "result.json").read_text())["warnings"]
    return next((each for each in warnings if each["code"] == "window_stalled"), None)


def test_files_that_nobody_takes_anything_from_do_not_stop_a_run(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    job = _prepare(tmp_path, standin_env, BRIEF)
    for file in (job / "events.jsonl", job / "spool" / "requests.jsonl"):
        os.mkfifo(file)  # opening it waits for a reader for ever, as a disk that hangs does
    done = subprocess.run(
        python_command("llenergymeasure.worker", str(job)),
        env=standin_env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome = read_outcome(job)
    assert outcome is not None
    assert outcome.bundle == str(bundles_in(tmp_path)[0])


def test_a_spool_of_samples_that_hangs_stops_no_reading(tmp_path: Path) -> None:
    spool, readings = tmp_path / "samples.bin", tmp_path / "readings"
    os.mkfifo(spool)
    job = {
        "meters": ["tests.support.sampled_fakes:CountedMeter"],
        "fallbacks": [],
        "options": MeterOptions().model_dump(mode="json"),
        "offset_ns": 0,
        "spool": str(spool),
        "memory": None,
        "path": [str(Path.cwd()), *filter(None, sys.path)],
        "parent": os.getpid(),
    }
    with subprocess.Popen(
        python_command("llenergymeasure.meters.sampling.process"),
        env={**os.environ, READINGS: str(readings)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as sampler:
        assert sampler.stdin is not None
        assert sampler.stderr is not None
        sampler.stdin.write(json.dumps(job).encode() + b"\n")
        sampler.stdin.flush()
        wait_for(lambda: readings.exists() and readings.stat().st_size > 100)
        sampler.stdin.close()
        assert sampler.wait(timeout=20) == 0
        assert b"readings of " in sampler.stderr.read()


def test_a_stopped_parent_leaves_no_gap_in_a_window_and_a_stopped_worker_is_told(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    command = [sys.executable, "-c", "from llenergymeasure.cli.main import main; main()", "run"]
    for number, whom in enumerate(("parent", "worker")):
        config = tmp_path / f"{whom}.yaml"
        config.write_text(json.dumps({**ONE_WINDOW, "output_dir": str(tmp_path / whom / "out")}))
        with subprocess.Popen([*command, str(config), "--quiet"], env=standin_env) as llem:
            jobs = tmp_path / whom / "out" / "single" / ".jobs"
            job = wait_for(lambda jobs=jobs: next(jobs.glob("*"), None))
            wait_for(lambda job=job: _in_window(job))
            worker = next(
                each
                for each in psutil.Process(llem.pid).children()
                if "llenergymeasure.worker" in each.cmdline()
            )
            stopped = (llem.pid, worker.pid)[number]
            os.kill(stopped, signal.SIGSTOP)
            time.sleep(2.0)
            os.kill(stopped, signal.SIGCONT)
            assert llem.wait(timeout=60) == 0
    beside = _stalled(bundles_in(tmp_path / "parent")[0])
    assert beside is None or beside["magnitude"] < LOST  # a busy machine has stalls of its own
    told = _stalled(bundles_in(tmp_path / "worker")[0])
    assert told is not None
    assert told["severity"] == "invalid"
    assert told["magnitude"] > LOST


def test_a_slow_listener_hears_the_present_and_holds_nothing_up(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    settings = json.dumps({**ONE_WINDOW, "output_dir": str(tmp_path / "out")})
    done = subprocess.run(
        [sys.executable, "-c", SLOW_LISTENER, settings],
        env=standin_env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = json.loads(done.stdout)
    assert sum(told["stalled"]) < LOST
    assert told["heard"][-1] == "done"
    assert told["heard"].count("progress") < 10
