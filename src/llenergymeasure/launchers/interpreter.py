"""Another Python interpreter with llenergymeasure, for a backend that needs an environment of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from llenergymeasure.constants import VERSION
from llenergymeasure.core.python_process import python_command, python_environment
from llenergymeasure.exceptions import PreFlightError

START_TIMEOUT_S = 60.0
"""A first start from a cold network file system takes tens of seconds."""
COMMAND_TIMEOUT_S = 300.0
"""Pre-flight imports the backend, which takes up to minutes from a cold network file system."""


def require_interpreter(python: str) -> None:
    """Check that an interpreter runs and has llenergymeasure of this major version.

    Raises:
        PreFlightError: it has not, with what to do.
    """
    problem = _problem(python)
    if problem is not None:
        raise PreFlightError.listing([problem])


def run_command_there(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `llem` in another interpreter, and return its output.

    Raises:
        PreFlightError: it gives no answer in time.
    """
    try:
        return _run(python, arguments, COMMAND_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise PreFlightError(
            f"interpreter {python} did not answer within {COMMAND_TIMEOUT_S:.0f} s → correct launcher.python"
        ) from None


def last_words(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a command wrote: of its errors, else of its output."""
    lines = answer.stderr.strip().splitlines() or answer.stdout.strip().splitlines() or ["no output"]
    return lines[-1][:200]


def _run(python: str, arguments: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_command("llenergymeasure", *arguments, python=python),
        env=python_environment(os.environ, python),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
    )


def _problem(python: str) -> str | None:
    try:
        answer = _run(python, ["--version"], START_TIMEOUT_S)
    except OSError as error:
        reason = error.strerror or str(error)
        return f"interpreter {python} does not start: {reason} → correct launcher.python (--python)"
    except subprocess.TimeoutExpired:
        return f"interpreter {python} did not answer within {START_TIMEOUT_S:.0f} s → correct launcher.python"
    version = re.fullmatch(r"llem (\d+)\.(\S+)\s*", answer.stdout)
    install = f"{python} -m pip install {_own_source()}"
    if version is None:
        return f"interpreter {python} does not run llenergymeasure: {last_words(answer)} → {install}"
    if version[1] != VERSION.partition(".")[0]:
        return f"interpreter {python} has {answer.stdout.strip()}, and this is llem {VERSION} → {install}"
    return None


def _own_source() -> str:
    """Return what pip installs this release from: its name alone is another project on the package index."""
    try:
        stated = json.loads(
            importlib.metadata.distribution("llenergymeasure").read_text("direct_url.json") or "{}"
        )
        place = (
            Path(url2pathname(urlparse(stated["url"]).path)) if stated["url"].startswith("file:") else None
        )
    except (importlib.metadata.PackageNotFoundError, KeyError, TypeError, ValueError, OSError):
        place = None
    if place is not None and place.exists():
        return f'"{place}"'
    return f"PATH, the folder with the source of llenergymeasure {VERSION} or its wheel"
