"""A signal becomes one KeyboardInterrupt, after an import that it would break."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
import os, signal
try:
    os.kill(os.getpid(), signal.{name})
    for _ in range(1000): pass
except BaseException as error:
    raise ImportError("half imported") from error
imported = True
"""
PROGRAM = """
import sys, time
from llenergymeasure.core.processes.stop_signals import interrupt_on_stop_signals, stop_is_asked
heard = []
interrupt_on_stop_signals(lambda: heard.append(1), once={once})
try:
    import fragile
    assert stop_is_asked() and fragile.imported
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted", len(heard))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1", "SIGXCPU"])
@pytest.mark.parametrize("once", [True, False])
def test_an_import_is_finished_before_it_is_interrupted(tmp_path: Path, name: str, once: bool) -> None:
    (tmp_path / "fragile.py").write_text(MODULE.format(name=name))
    (tmp_path / "program.py").write_text(PROGRAM.format(once=once))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("interrupted 1\n", "")
