"""A listener that raises ends the run, and leaves a bundle of what was measured and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llenergymeasure.api import open_bundle
from tests.support.plugin_fixtures import add_backend
from tests.support.standin_runs import LONG, bundles_in

RUN = """
import json, sys
from llenergymeasure import run_experiment

def listen(event):
    if event.phase == "window":
        raise {error}

try:
    run_experiment(json.loads(sys.argv[1]), on_event=listen)
except BaseException as error:
    print(type(error).__name__)
"""

SLOW_TO_CLOSE = """
import time
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend

SLOW = Plugin(name="slow", target="llem_slow:Slow", install="pip install llem-slow")

class Slow(StandInBackend):
    name = "slow"

    def close(self):
        time.sleep(4.0)  # longer than a process that is to end at once is given
        super().close()
"""


@pytest.mark.parametrize("error", ["ValueError('mine')", "SystemExit(3)"])
def test_a_listener_that_raises_leaves_no_job_folder(tmp_path: Path, standin_env: dict[str, str], error: str):
    add_backend(tmp_path, "slow", "llem_slow:SLOW", SLOW_TO_CLOSE)
    settings = {**LONG, "backend": "slow", "output_dir": str(tmp_path / "out")}
    settings.pop("standin")
    settings = json.dumps(settings)
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(error=error), settings],
        env=standin_env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == error.partition("(")[0]
    assert not (tmp_path / "out" / "single" / ".jobs").exists()
    (kept,) = bundles_in(tmp_path)
    assert kept.suffix == ".interrupted"
    assert f"the run was stopped; what was measured is in {kept}" in done.stderr
    assert open_bundle(kept).trace.samples.size > 0
