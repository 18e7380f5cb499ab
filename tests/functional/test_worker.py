"""The worker as schedulers, containers, older readers and impatient users meet it; real processes throughout."""

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
import pytest
import yaml

from llenergymeasure.api import run_to_bundle
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.processes.process_group import group_members
from llenergymeasure.core.python_process import python_command, python_environment
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.launchers.job_folder import EventReader, read_outcome
from tests.support.standin_runs import BRIEF, LONG, bundles_in, wait_for

PREPARE = """
import json, sys
from llenergymeasure.config.loader import load_config
from llenergymeasure.orchestration.jobs import prepare_job
print(prepare_job(load_config(overrides=json.loads(sys.argv[1]))).absolute())
"""
LLEM = "from llenergymeasure.cli.main import main; main()"
HOSTILE = "raise SystemExit('imported from the current folder')"


def _prepare(tmp_path: Path, env: dict[str, str], settings: dict[str, Any]) -> Path:
    settings = {**settings, "output_dir": str(tmp_path / "out")}
    command = [sys.executable, "-c", PREPARE, json.dumps(settings)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    return Path(done.stdout.strip())


def _worker(job: Path, *options: str) -> list[str]:
    return python_command("llenergymeasure.worker", str(job), *options)


def _llem(tmp_path: Path, settings: dict[str, Any], *options: str) -> list[str]:
    """Return the command of `llem run` as its console script: a file, whose folder is not the current one."""
    scripts = tmp_path / "bin"
    scripts.mkdir(exist_ok=True)
    (scripts / "llem").write_text(LLEM)
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(settings))
    out = ["--output", str(tmp_path / "out"), *options]
    return [sys.executable, str(scripts / "llem"), "run", str(tmp_path / "experiment.yaml"), *out]


def _in_window(job: Path) -> bool:
    return any(event.phase == "window" for event in EventReader(job).unread())


def _job(tmp_path: Path) -> Path | None:
    return next((tmp_path / "out" / "single" / ".jobs").glob("*"), None)


def test_a_closed_standard_input_does_not_stop_the_worker(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    job = _prepare(tmp_path, standin_env, BRIEF)
    done = subprocess.run(
        _worker(job), env=standin_env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    outcome = read_outcome(job)
    assert outcome is not None
    assert (outcome.status, outcome.bundle) == ("done", str(bundles_in(tmp_path)[0]))


def test_a_worker_that_watches_its_parent_stops_when_its_standard_input_ends(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    job = _prepare(tmp_path, standin_env, LONG)
    worker = subprocess.Popen(
        _worker(job, "--watch-parent"), env=standin_env, stdin=subprocess.PIPE, start_new_session=True
    )
    wait_for(lambda: _in_window(job))
    members = [psutil.Process(pid) for pid in group_members(worker.pid)]
    assert len(members) > 1  # the sampler is one of them
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(timeout=30) == 130
    assert not psutil.wait_procs(members, timeout=10)[1]
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name == f"{job.name}.interrupted"
    assert not job.exists()


def test_a_run_under_nohup_survives_the_end_of_its_terminal(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    command = ["nohup", *_llem(tmp_path, BRIEF)]
    with (tmp_path / "nohup.out").open("wb") as out:
        process = subprocess.Popen(
            command, env=standin_env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=tmp_path
        )
    job = wait_for(lambda: _job(tmp_path))
    wait_for(lambda: EventReader(job).unread() and (job / "events.jsonl").exists())
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 0, (tmp_path / "nohup.out").read_text()
    (bundle,) = bundles_in(tmp_path)
    assert (bundle / "result.json").exists()


def test_a_reader_older_than_the_worker_ignores_kinds_and_fields_that_it_does_not_know(
    tmp_path: Path,
) -> None:
    lines = [
        {"kind": "phase", "phase": "load", "gpu_count": 8},
        {"kind": "heartbeat", "sequence": 1},
        {"kind": "phase", "phase": "window", "repeat": 0},
        {"kind": "done", "bundle": "here", "sums": {"result.json": "0"}},
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "p')
    events = list(EventReader(tmp_path).unread())
    assert events == [
        RunEvent(kind="phase", phase="load"),
        RunEvent(kind="phase", phase="window", repeat=0),
        RunEvent(kind="done", bundle="here"),
    ]
    (tmp_path / "outcome.json").write_text('{"status": "done", "bundle": "here", "checksum": "0"}')
    outcome = read_outcome(tmp_path)
    assert outcome is not None
    assert outcome.bundle == "here"


NEWER_WORKER = """#!{python}
import json, sys
from pathlib import Path
module, *arguments = sys.argv[4:]
if module == "llenergymeasure":
    print("llem 2.99.0")
else:
    folder = Path(arguments[0])
    events = [
        {{"kind": "hello", "protocol": 7}},
        {{"kind": "phase", "phase": "window", "repeat": 0, "requests_in_flight": 12}},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\\n" for event in events))
    outcome = {{"status": "done", "bundle": "elsewhere", "energy_j": 1.0}}
    (folder / "outcome.json").write_text(json.dumps(outcome))
"""


def test_a_run_of_a_newer_worker_that_finished_counts_as_finished(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(NEWER_WORKER.format(python=sys.executable))
    python.chmod(0o755)
    launcher = {"kind": "local", "python": str(python)}
    settings = {"model": "any", "launcher": launcher, "output_dir": str(tmp_path / "out")}
    events: list[RunEvent] = []
    bundle = run_to_bundle(ExperimentConfig.model_validate(settings), events.append)
    assert bundle == Path("elsewhere")
    assert events == [RunEvent(kind="phase", phase="window", repeat=0)]


def test_a_job_with_fields_of_a_newer_release_is_run(tmp_path: Path, standin_env: dict[str, str]) -> None:
    job = _prepare(tmp_path, standin_env, BRIEF)
    document = json.loads((job / "job.json").read_text())
    (job / "job.json").write_text(json.dumps({**document, "priority": "high"}))
    done = subprocess.run(_worker(job), env=standin_env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_job_of_a_newer_format_is_refused(tmp_path: Path, standin_env: dict[str, str]) -> None:
    job = _prepare(tmp_path, standin_env, BRIEF)
    document = json.loads((job / "job.json").read_text())
    (job / "job.json").write_text(json.dumps({**document, "format": 99}))
    done = subprocess.run(_worker(job), env=standin_env, capture_output=True, timeout=60, check=False)
    outcome = read_outcome(job)
    assert outcome is not None
    assert (done.returncode, outcome.error) == (6, "ExperimentError")
    assert "has format 99" in str(outcome.message)


def test_a_stopped_listener_does_not_hold_up_the_run(tmp_path: Path, standin_env: dict[str, str]) -> None:
    process = subprocess.Popen(
        _llem(tmp_path, BRIEF, "--quiet"), env=standin_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    job = wait_for(lambda: _job(tmp_path))
    wait_for(lambda: (job / "events.jsonl").exists())
    process.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: (job / "outcome.json").exists())
        assert len(bundles_in(tmp_path)) == 1
    finally:
        process.send_signal(signal.SIGCONT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_second_ctrl_c_ends_every_process_of_the_group(tmp_path: Path, standin_env: dict[str, str]) -> None:
    """One of them was started by the worker and ignores SIGINT and SIGTERM, as an engine's process may."""
    site = tmp_path / "site"
    (site / "llem_stubborn.py").write_text(STUBBORN)
    points = site / "llem_standin-1.0.dist-info" / "entry_points.txt"
    points.write_text("[llenergymeasure.backends]\nstandin = llem_stubborn:PLUGIN\n")
    process = subprocess.Popen(
        _llem(tmp_path, LONG), env=standin_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    job = wait_for(lambda: _job(tmp_path))
    wait_for(lambda: _in_window(job))
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 3  # worker, sampler, the engine's
    (worker,) = [each for each in family if "llenergymeasure.worker" in each.cmdline()]
    worker.suspend()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert not psutil.wait_procs(family, timeout=5)[1]


STUBBORN = """
import subprocess, sys
from dataclasses import replace
from llenergymeasure.testing import STANDIN, StandInBackend
ENGINE = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(600)"

PLUGIN = replace(STANDIN, target="llem_stubborn:StubbornBackend")

class StubbornBackend(StandInBackend):
    def load(self, config, clock):
        subprocess.Popen([sys.executable, "-c", ENGINE])
        return super().load(config, clock)
"""


def test_what_a_worker_leaves_running_ends_with_it(tmp_path: Path, standin_env: dict[str, str]) -> None:
    site = tmp_path / "site"
    (site / "llem_stubborn.py").write_text(STUBBORN)
    points = site / "llem_standin-1.0.dist-info" / "entry_points.txt"
    points.write_text("[llenergymeasure.backends]\nstandin = llem_stubborn:PLUGIN\n")
    process = subprocess.Popen(
        _llem(tmp_path, BRIEF), env=standin_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    job = wait_for(lambda: _job(tmp_path))
    wait_for(lambda: _in_window(job))
    family = psutil.Process(process.pid).children(recursive=True)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not psutil.wait_procs(family, timeout=5)[1]


@pytest.mark.parametrize("path", ["", ":"])
def test_modules_in_the_current_folder_are_not_imported(
    tmp_path: Path, standin_env: dict[str, str], path: str
) -> None:
    folder = tmp_path / "hostile"
    (folder / "transformers").mkdir(parents=True)
    (folder / "transformers" / "__init__.py").write_text(HOSTILE)
    for name in ("psutil", "random", "statistics", "queue", "pip"):
        (folder / f"{name}.py").write_text(HOSTILE)
    env = {**standin_env, "PYTHONPATH": standin_env["PYTHONPATH"] + path, "PYTHONSAFEPATH": "1"}
    if path:  # `llem` itself would import from an empty entry, before any of our code runs
        folder_job = _prepare(tmp_path, standin_env, BRIEF)
        command, env = _worker(folder_job), python_environment(env)
    else:
        del env["PYTHONSAFEPATH"]
        command = _llem(tmp_path, BRIEF)
    done = subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads((bundles_in(tmp_path)[0] / "run.json").read_text())
    assert "current folder" not in done.stderr
    assert facts["snapshot"]["pip_freeze"] or facts["snapshot"]["packages"]


def test_relative_paths_count_from_the_folder_of_the_caller(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "prompts.jsonl").write_text('{"prompt": "Why?"}\n')
    settings = {**BRIEF, "workload": {"dataset": "./prompts.jsonl", "n_prompts": 2}}
    command = _llem(tmp_path, settings, "--output", "mine")
    done = subprocess.run(
        command, env=standin_env, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "mine" / "single").glob("[!.]*"))) == 1


def test_the_interpreter_that_is_named_measures(tmp_path: Path, standin_env: dict[str, str]) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexport LLEM_TEST_MARK=1\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    site = tmp_path / "site"
    (site / "llem_marked.py").write_text(MARKED)
    points = site / "llem_standin-1.0.dist-info" / "entry_points.txt"
    points.write_text("[llenergymeasure.backends]\nstandin = llem_marked:PLUGIN\n")
    for options, code in (
        (["--python", str(python)], 0),
        ([], 3),
        (["--dry-run", "--python", str(python)], 0),
    ):
        command = _llem(tmp_path, BRIEF, *options)
        done = subprocess.run(
            command, env=standin_env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr


MARKED = """
import os
from dataclasses import replace
from llenergymeasure.testing import STANDIN, StandInBackend

PLUGIN = replace(STANDIN, target="llem_marked:MarkedBackend")

class MarkedBackend(StandInBackend):
    def check(self, config):
        problems = [] if os.environ.get("LLEM_TEST_MARK") else ["the engine is not in this environment"]
        return [*problems, *super().check(config)]
"""


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "does not start: No such file or directory"),
        ("exit 1", "does not run llenergymeasure"),
        ("echo 'llem 1.7.0'", "has llem 1.7.0, and this is llem 2."),
    ],
)
def test_an_interpreter_that_cannot_measure_is_refused_with_what_to_do(
    tmp_path: Path, standin_env: dict[str, str], script: str | None, message: str
) -> None:
    python = tmp_path / "python"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    for command in (["--python", str(python)], ["--dry-run", "--python", str(python)]):
        done = subprocess.run(
            _llem(tmp_path, BRIEF, *command),
            env=standin_env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 3
        assert message in done.stderr
        assert "→" in done.stderr
    assert not (tmp_path / "out").exists()


def test_doctor_looks_into_the_interpreter_that_is_named(tmp_path: Path, standin_env: dict[str, str]) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH= exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    command = [sys.executable, "-m", "llenergymeasure", "doctor", "--json"]
    here = subprocess.run(command, env=standin_env, capture_output=True, text=True, timeout=60, check=True)
    assert "standin" in {each["name"] for each in json.loads(here.stdout)["backends"]}
    env = {**os.environ, "PYTHONPATH": standin_env["PYTHONPATH"]}
    there = subprocess.run(
        [*command, "--python", str(python)], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert there.returncode == 0, there.stderr
    assert "standin" not in {each["name"] for each in json.loads(there.stdout)["backends"]}
