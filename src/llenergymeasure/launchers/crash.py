"""How a worker ended that wrote no outcome, in words."""

from __future__ import annotations

import signal
from pathlib import Path

from llenergymeasure.core.processes.answers import how_it_ended
from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.launchers.job_folder import LOG, EventReader, read_job

TAIL_CHARACTERS = 2000
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
"""Signals that a process brings upon itself."""


def crash_text(returncode: int, folder: Path) -> str:
    """Say how the worker of a job folder ended, when, and what ended it as far as that is known."""
    tail = (folder / LOG).read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:].strip()
    cause = f"the worker {'was ' if returncode < 0 else ''}{how_it_ended(returncode)} {_when(folder)}"
    if -returncode == signal.SIGKILL:
        cause += "; most likely the machine ran out of memory: try a smaller model, batch or precision"
    elif (returncode >= 0 or -returncode in CRASHES) and "Traceback" not in tail:
        did = "ended the process" if returncode >= 0 else "crashed, most likely"
        cause += f": {_who(folder)}, or of a package that it uses, {did} → report it to its authors"
    return f"{cause}. The end of its log:\n{tail}" if tail else cause


def _when(folder: Path) -> str:
    """Return the phase that the worker told of last; the next one may have begun."""
    phases = [event.phase for event in EventReader(folder).unread() if event.kind == "phase"]
    return f"in or after the phase '{phases[-1]}'" if phases else "before the measurement began"


def _who(folder: Path) -> str:
    try:
        return f"code of backend '{read_job(folder).config['backend']}'"
    except (ExperimentError, KeyError):
        return "code of the backend"
