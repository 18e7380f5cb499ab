"""Signals that come when a run has measured everything: they undo nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from llenergymeasure.api import verify
from tests.support.plugin_fixtures import add_backend
from tests.support.standin_runs import BRIEF, bundles_in

BACKEND = """
import os, signal, sys, threading, time
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend

LATE = Plugin(name="late", target="llem_late:Late", install="pip install llem-late")

def wait_and_stop(main, step):
    while True:
        frame = sys._current_frames().get(main)
        while frame is not None:
            if frame.f_code.co_name == step:
                with open("stopped", "a") as said:
                    said.write(step + "\\n")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            frame = frame.f_back
        time.sleep(0.0001)

def stop_with_outcome(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("outcome.json"):
        with open("stopped", "a") as said:
            said.write("write_outcome\\n")
        os.kill(os.getpid(), signal.SIGTERM)

sys.addaudithook(stop_with_outcome)

class Late(StandInBackend):
    name = "late"

    def close(self):
        super().close()
        for step in ("assemble", "write_bundle"):
            threading.Thread(target=wait_and_stop, args=(threading.get_ident(), step), daemon=True).start()
"""


def test_a_signal_while_the_result_is_computed_or_written_keeps_the_whole_bundle(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    add_backend(tmp_path, "late", "llem_late:LATE", BACKEND)
    settings = {key: value for key, value in BRIEF.items() if key != "standin"}
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump({**settings, "backend": "late"}))
    command = [sys.executable, "-m", "llenergymeasure", "run", "experiment.yaml", "--output=out"]
    done = subprocess.run(
        command, cwd=tmp_path, env=standin_env, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "stopped").read_text().splitlines() == ["assemble", "write_bundle", "write_outcome"]
    (bundle,) = bundles_in(tmp_path)
    assert verify(bundle).ok
