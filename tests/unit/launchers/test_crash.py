"""A worker that ends without an outcome: the message says when, and whose code it most likely was."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from llenergymeasure.domain.job import Job
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.launchers.crash import crash_text
from llenergymeasure.launchers.job_folder import EVENTS, LOG, write_job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a job whose backend is `acme`."""
    job = Job(experiment_id="e", study="s", bundles="b", working_dir="/", config={"backend": "acme"})
    write_job(tmp_path, job)
    (tmp_path / LOG).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "the worker ended with code 0 before the measurement began: code of backend 'acme', or"),
        (3, "ended the process → report it to its authors"),
        (
            -signal.SIGSEGV,
            "(SIGSEGV) before the measurement began: code of backend 'acme', or of a package that",
        ),
        (-signal.SIGABRT, "crashed, most likely → report it to its authors"),
    ],
)
def test_an_end_from_within_names_the_backend(folder: Path, code: int, said: str) -> None:
    assert said in crash_text(code, folder)


def test_the_last_phase_is_told(folder: Path) -> None:
    events = [RunEvent(kind="phase", phase=phase) for phase in ("load", "window")]
    (folder / EVENTS).write_text("".join(f"{event.model_dump_json()}\n" for event in events))
    assert "ended with code 7 in or after the phase 'window'" in crash_text(7, folder)


@pytest.mark.parametrize(
    ("code", "log"),
    [(-signal.SIGKILL, ""), (-signal.SIGTERM, ""), (1, "Traceback (most recent call last):\n")],
)
def test_an_end_from_outside_or_with_a_traceback_blames_no_backend(folder: Path, code: int, log: str) -> None:
    (folder / LOG).write_text(log)
    assert "acme" not in crash_text(code, folder)
