"""A worker on this machine: a fresh Python process for each experiment."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, ClassVar

from pydantic import ValidationError

from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.launchers.base import LOG

TAIL_CHARACTERS = 2000
AT_ONCE = "stopped at once; nothing of this run was kept"


class LocalLauncher:
    """Starts `python -m llenergymeasure.worker JOB` with this interpreter and environment."""

    name: ClassVar[str] = "local"

    def launch(self, job: Path, on_event: Callable[[RunEvent], None]) -> RunEvent:
        with (job / LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "llenergymeasure.worker", str(job)],
                stdin=subprocess.PIPE,  # held open: its end tells the worker that we are gone
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a Ctrl-C reaches the worker once, through us
            )
        try:
            last, stopped_at_once = _listen(process, on_event)
        except BaseException:
            process.kill()
            raise
        finally:
            _close(process)
        if last is None and stopped_at_once:
            return RunEvent(kind="failed", error="InterruptedExperimentError", message=AT_ONCE)
        return last or _crashed(process.returncode, job)


def _listen(
    process: subprocess.Popen[bytes], on_event: Callable[[RunEvent], None]
) -> tuple[RunEvent | None, bool]:
    """Hand on the worker's events until its pipe ends; one interrupt is passed to it, the second ends it.

    Returns its last word, if it had one, and whether it was ended.
    """
    interrupts = 0
    last: RunEvent | None = None
    assert process.stdout is not None
    while True:
        try:
            line = process.stdout.readline()
            if not line:
                return last, interrupts > 1
            event = _parse(line)
            if event is not None and event.kind in ("done", "failed"):
                last = event
            elif event is not None:
                on_event(event)
        except KeyboardInterrupt:  # noqa: PERF203 - an interrupt may come at any line
            interrupts += 1
            process.send_signal(signal.SIGINT if interrupts == 1 else signal.SIGKILL)


def _parse(line: bytes) -> RunEvent | None:
    try:
        return RunEvent.model_validate_json(line)
    except ValidationError:
        return None


def _close(process: subprocess.Popen[bytes]) -> None:
    pipes: list[IO[bytes] | None] = [process.stdin, process.stdout]
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
    process.wait()


def _crashed(returncode: int, job: Path) -> RunEvent:
    """Say how a worker ended that said nothing itself."""
    if returncode < 0:
        cause = f"the worker was killed by signal {-returncode} ({signal.Signals(-returncode).name})"
        if -returncode == signal.SIGKILL:
            cause += "; most likely the machine ran out of memory: try a smaller model, batch or precision"
    else:
        cause = f"the worker ended with code {returncode}"
    tail = (job / LOG).read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:].strip()
    said = f". Its last words:\n{tail}" if tail else ""
    return RunEvent(kind="failed", error="BackendError", message=cause + said)
