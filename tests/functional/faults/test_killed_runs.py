"""Runs that are killed with SIGKILL: their processes end, and the next run finds what they left."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from llenergymeasure.core.processes.identity import is_gone, this_process
from llenergymeasure.launchers.job_folder import EventReader
from tests.support.standin_runs import bundles_in, wait_for
from tests.support.typed import llem, quick_run


def _job(tmp_path: Path) -> Path | None:
    return next((tmp_path / "out" / "single" / ".jobs").glob("*"), None)


def _start(tmp_path: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Return a run that is in its window."""
    process = subprocess.Popen(
        llem(tmp_path, *quick_run(tmp_path / "out", window_s=60)),
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    job = wait_for(lambda: _job(tmp_path), 60)
    wait_for(lambda: any(event.phase == "window" for event in EventReader(job).unread()), 60)
    return process


def test_the_worker_of_a_killed_llem_keeps_what_it_has_and_leaves_nothing(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    process = _start(tmp_path, standin_env)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(family, timeout=30)[1]
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name.endswith(".interrupted")
    assert _job(tmp_path) is None


def test_the_next_run_names_what_a_killed_job_left(tmp_path: Path, standin_env: dict[str, str]) -> None:
    process = _start(tmp_path, standin_env)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in family:
        os.kill(each.pid, signal.SIGKILL)
    process.wait()
    psutil.wait_procs(family, timeout=30)
    left = _job(tmp_path)
    assert left is not None
    done = subprocess.run(
        llem(tmp_path, *quick_run(tmp_path / "out"), "--quiet"),
        env=standin_env, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"samples and log of a run that was killed are in {left}" in done.stderr
    assert (left / "spool" / "samples.bin").stat().st_size > 0


@pytest.mark.parametrize("other", ["", "another-boot/pid:[1] 1 1", "x", "x y"])
def test_only_a_process_of_this_machine_is_known_to_be_gone(other: str) -> None:
    mine = this_process()
    assert mine is not None
    assert not is_gone(mine)
    assert not is_gone(other)
    machine, pid, start = mine.split(" ")
    assert is_gone(f"{machine} {pid} {int(start) + 1}")
    child = subprocess.Popen(["true"])
    child.wait()
    assert is_gone(f"{machine} {child.pid} {start}")
