"""A listener that raises ends the run, and leaves a bundle of what was measured and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("error", ["ValueError('mine')", "SystemExit(3)"])
def test_a_listener_that_raises_leaves_no_job_folder(tmp_path: Path, standin_env: dict[str, str], error: str):
    settings = json.dumps({**LONG, "output_dir": str(tmp_path / "out")})
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
    assert [each.suffix for each in bundles_in(tmp_path)] == [".interrupted"]
