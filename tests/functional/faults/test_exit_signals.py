"""A signal while the interpreter ends, after everything was said, adds no traceback."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.typed import llem, quick_run

AT_EXIT = "import atexit, os, signal\natexit.register(lambda: os.kill(os.getpid(), signal.{name}))\n"
"""As a package does whose own end takes long, in which the signal comes."""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("command", ["dry run", "schema", "usage"])
def test_a_signal_at_the_exit_of_a_command_is_no_traceback(
    tmp_path: Path, standin_env: dict[str, str], name: str, command: str
) -> None:
    typed = {"dry run": [*quick_run(tmp_path / "out"), "--dry-run"], "usage": ["run", "--nothing"]}
    command_line = llem(tmp_path, *typed.get(command, [command]))
    script = Path(command_line[1])
    script.write_text(AT_EXIT.format(name=name) + script.read_text())
    done = subprocess.run(
        command_line, env=standin_env, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == -getattr(signal, name)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.stdout or "No such option" in done.stderr
