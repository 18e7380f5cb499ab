"""Whole experiments on a server that the run starts: nothing of it is left, however the run ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from llenergymeasure.api import open_bundle
from llenergymeasure.orchestration.verification.verify import verify_bundle
from tests.support.quick_servers import is_alive, processes_with

ROOT = Path(__file__).parents[2]


def start(tmp_path: Path, name: str, *, window_s: float, **server: Any) -> subprocess.Popen[str]:
    stand_in = json.dumps({"model": name, "ttft_s": 0.02, "n_chunks": 8})
    command = [sys.executable, "-m", "tests.simulators.openai.server", stand_in, "{port}"]
    path = tmp_path / "experiment.yaml"
    settings = {
        "model": name,
        "backend": "server",
        "device": "cpu",
        "server": {"command": command, "startup_timeout_s": 60.0, **server},
        "workload": {"n_prompts": 8, "max_output_tokens": 8},
        "load": {"kind": "closed", "concurrency": 2},
        "measurement": {
            "baseline": {"idle_s": 0, "loaded_s": 0},
            "warmup": {"min_requests": 4, "min_duration_s": 0, "max_duration_s": None},
            "window": {"min_duration_s": window_s},
            "repeats": {"min": 2, "max": 2},
        },
        "energy": {"meters": "estimate"},
    }
    path.write_text(yaml.safe_dump(settings))
    return subprocess.Popen(
        [sys.executable, "-m", "llenergymeasure", "run", str(path), "--output", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


def gone(name: str) -> bool:
    deadline = time.monotonic() + 10.0
    while processes_with(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not processes_with(name)


def wait_for_window(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if "window 1" in line:
            return
    raise AssertionError("no window began")


def test_a_started_server_is_measured_and_ended(tmp_path: Path) -> None:
    name = f"started-{uuid.uuid4().hex}"
    process = start(tmp_path, name, window_s=0.3)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert gone(name)
    (path,) = (tmp_path / "out" / "single").iterdir()
    bundle = open_bundle(path)
    assert "baseline_has_server" not in {warning.code for warning in bundle.result.warnings}
    assert bundle.result.load_energy_j is not None
    assert [window.repeat for window in bundle.result.server_windows] == [0, 1]
    assert (path / "server.log").stat().st_size > 0
    assert verify_bundle(path).findings == ()


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (lambda process, _name: os.kill(process.pid, signal.SIGINT), 130),
        (lambda process, _name: worker_of(process).kill(), 4),
        (lambda process, _name: process.kill(), -9),
        (lambda _process, name: kill_server(name), 4),
    ],
    ids=["interrupted", "worker killed", "llem killed", "server killed"],
)
def test_a_run_that_is_stopped_leaves_no_server(
    stop: Callable[[subprocess.Popen[str], str], None], code: int, tmp_path: Path
) -> None:
    name = f"stopped-{uuid.uuid4().hex}"
    process = start(tmp_path, name, window_s=30.0)
    wait_for_window(process)
    stop(process, name)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert gone(name)
    if code == 4 and "worker" not in err:
        assert "the server was killed by signal 9 (SIGKILL)" in err


def worker_of(process: subprocess.Popen[str]) -> Any:
    import psutil

    children = psutil.Process(process.pid).children(recursive=True)
    return next(child for child in children if "llenergymeasure.worker" in child.cmdline())


def kill_server(name: str) -> None:
    """The server itself, not its guard, nor llem, whose configuration has the name too."""
    servers = [pid for pid in processes_with(name) if not processes_with("process.guard") & {pid}]
    assert servers
    for pid in servers:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
