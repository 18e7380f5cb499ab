"""A launcher in one new file and one entry point: it runs a job to its end before it returns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.standin_runs import BRIEF

LAUNCHER = '''
import os, subprocess
from llenergymeasure.config.base import Section
from llenergymeasure.core.python_process import python_command, python_environment
from llenergymeasure.launchers.job_folder import EventReader, read_outcome
from llenergymeasure.plugins import Plugin

PLUGIN = Plugin(
    name="queue", target="llem_queue:QueueLauncher", options="llem_queue:QueueOptions", install="pip install llem-queue"
)

class QueueOptions(Section):
    """Options of the queue."""

    mark: str = "none"
    """Where the launcher leaves its mark."""

class QueueLauncher:
    name = "queue"

    def __init__(self, config):
        self.options = config.options(QueueOptions)

    def submit(self, folder):
        open(self.options.mark, "w").close()
        command = python_command("llenergymeasure.worker", str(folder.absolute()))
        subprocess.run(command, env=python_environment(os.environ), stdin=subprocess.DEVNULL)
        return Finished(folder)

class Finished:
    def __init__(self, folder):
        self.folder, self.reader = folder, EventReader(folder)

    def events(self):
        return self.reader.unread()

    def interrupt(self):
        pass

    def wait(self):
        return read_outcome(self.folder)
'''
RUN = """
import json, sys
from llenergymeasure.api import run_to_bundle
from llenergymeasure.config.loader import load_config
kinds = []
bundle = run_to_bundle(load_config(overrides=json.loads(sys.argv[1])), lambda event: kinds.append(event.kind))
print(json.dumps([str(bundle), kinds]))
"""


def test_a_launcher_of_a_plugin_runs_a_job_with_its_options(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    site = tmp_path / "site"
    (site / "llem_queue.py").write_text(LAUNCHER)
    with (site / "llem_standin-1.0.dist-info" / "entry_points.txt").open("a") as points:
        points.write("[llenergymeasure.launchers]\nqueue = llem_queue:PLUGIN\n")
    settings = {
        **BRIEF,
        "launcher": {"kind": "queue", "mark": str(tmp_path / "mark")},
        "output_dir": str(tmp_path / "out"),
    }
    command = [sys.executable, "-c", RUN, json.dumps(settings)]
    done = subprocess.run(command, env=standin_env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    bundle, kinds = json.loads(done.stdout)
    assert (Path(bundle) / "result.json").exists()
    assert (tmp_path / "mark").exists()
    assert {"phase", "done"} <= set(kinds)
    assert not (tmp_path / "out" / "single" / ".jobs").exists()
