"""A worker on this machine: a fresh Python process for each experiment."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from llenergymeasure.config.launcher import LauncherConfig
from llenergymeasure.core.processes.process_group import end_process_group
from llenergymeasure.core.processes.stop_signals import stop_signals_blocked
from llenergymeasure.core.python_process import python_command, python_environment
from llenergymeasure.domain.job import Job, Outcome
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.exceptions import BackendError, InterruptedExperimentError
from llenergymeasure.launchers.crash import crash_text
from llenergymeasure.launchers.interpreter import require_interpreter
from llenergymeasure.launchers.job_folder import (
    LOG,
    EventReader,
    outcome_told,
    parsed,
    read_job,
    read_outcome,
)

WORKER = "llenergymeasure.worker"
WATCH_PARENT = "--watch-parent"
"""Tells a worker to stop in order when its standard input ends, as it does with this process."""
POLL_S = 0.25
"""Between two looks at the events, which come at most so often."""


class LocalLauncher:
    """Starts the worker with the job's interpreter, or with that of this process, in a process group of its own."""

    name: ClassVar[str] = "local"

    def __init__(self, _config: LauncherConfig) -> None:
        """Without options of its own: the interpreter is part of the job."""

    def submit(self, folder: Path) -> LocalRun:
        job = read_job(folder)
        if job.python is not None:
            require_interpreter(job.python)
        process: subprocess.Popen[bytes] | None = None
        try:
            with stop_signals_blocked():  # until the worker, which inherits that, is ready for them
                process = _start(folder, job)
            return LocalRun(folder, process)
        except BaseException:
            if process is not None:
                end_process_group(process.pid)
                process.wait()
            raise


class LocalRun:
    """A worker and the processes that it starts; all of them end with it."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self._folder = folder
        self._process = process
        self._reader = EventReader(folder)
        self._told = b""
        """What the worker wrote to its standard output: the events that its job folder had no room for."""
        self._read = 0
        self._interrupts = 0

    def events(self) -> Iterator[RunEvent]:
        ended = False
        while not ended:
            ended = self._ended_within(POLL_S)
            complete = self._told.rfind(b"\n") + 1
            more, self._read = self._told[self._read : complete], complete
            yield from self._reader.unread(more)

    def interrupt(self) -> None:
        self._interrupts += 1
        if self._process.returncode is not None:
            return
        if self._interrupts == 1:
            os.kill(self._process.pid, signal.SIGINT)
        else:
            end_process_group(self._process.pid)

    def wait(self) -> Outcome:
        while self._process.returncode is None and not self._ended_within(POLL_S):
            pass
        if self._process.returncode is None:
            end_process_group(
                self._process.pid
            )  # before the leader is reaped, which would free the group's number
            self._process.wait()
            _close_pipes(self._process)
        outcome = read_outcome(self._folder) or outcome_told(parsed(self._told))
        if outcome is not None:
            return outcome
        if self._interrupts:
            return _failure(InterruptedExperimentError, "stopped at once; no bundle was written")
        return _failure(BackendError, crash_text(self._process.returncode, self._folder))

    def _ended_within(self, seconds: float) -> bool:
        """Wait for the end of the worker, which nobody has reaped then, or for what it tells.

        The worker closes its standard output when it ends. A process that it forked may hold it open longer, so the
        worker itself is asked too.
        """
        if self._process.returncode is not None:
            return True
        if self._take(seconds):
            return False
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return ended and not self._take(0)

    def _take(self, seconds: float) -> bool:
        """Wait for what the worker writes to its standard output, and take it; False where it wrote nothing."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], seconds)[0]:
            return False
        piece = os.read(pipe, 1 << 16)
        self._told += piece
        return bool(piece)


def _start(folder: Path, job: Job) -> subprocess.Popen[bytes]:
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            python_command(WORKER, str(folder.absolute()), WATCH_PARENT, python=job.python),
            stdin=subprocess.PIPE,  # held open: its end is the end of this process
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=job.working_dir,
            env={**python_environment(os.environ, job.python), **job.environment},
            start_new_session=True,  # a Ctrl-C reaches the worker once, through us
        )


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _failure(error: type[BackendError | InterruptedExperimentError], message: str) -> Outcome:
    return Outcome(status="failed", error=error.__name__, exit_code=error.exit_code, message=message)
