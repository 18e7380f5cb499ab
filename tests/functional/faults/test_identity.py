"""Two runs are told apart: by their ids, by their data, by where they lie."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from llenergymeasure.api import load_result, verify
from tests.support.standin_runs import BRIEF

API = """
import json, sys
from llenergymeasure import run_experiment
events = []
result = run_experiment(json.loads(sys.argv[1]), on_event=events.append)
print(json.dumps([str(result.bundle), events[-1].kind, events[-1].bundle]))
"""


def test_two_runs_at_once_on_two_data_sets_differ_in_all_but_the_configuration(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "data.jsonl").write_text(json.dumps({"prompt": f"the prompt of {name}"}) + "\n")
        settings = {**BRIEF, "workload": {"dataset": "data.jsonl", "n_prompts": 4}}
        (folder / "experiment.yaml").write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "llenergymeasure", "run", "experiment.yaml", "--json"]
        runs.append(subprocess.Popen(command, cwd=folder, env=standin_env, stdout=-1, stderr=-1, text=True))
    outputs = [run.communicate(timeout=90) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    one, two = (json.loads(stdout) for stdout, _ in outputs)
    assert one["config_hash"] == two["config_hash"]
    assert one["experiment_hash"] != two["experiment_hash"]
    assert one["fingerprints"]["dataset_sha256"] != two["fingerprints"]["dataset_sha256"]
    assert one["experiment_id"].rpartition("-")[2] != two["experiment_id"].rpartition("-")[2]
    for output in (one, two):
        assert load_result(output["bundle"]).experiment_id == output["experiment_id"]


def test_python_and_the_events_say_where_the_bundle_is_and_it_may_be_moved(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    settings = json.dumps({**BRIEF, "output_dir": "out"})
    command = [sys.executable, "-c", API, settings]
    done = subprocess.run(
        command, cwd=tmp_path, env=standin_env, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    told, kind, event = json.loads(done.stdout)
    assert kind == "done"
    assert Path(told) == tmp_path / event
    moved = Path(shutil.move(told, tmp_path / "moved"))
    assert load_result(moved).bundle == moved
    assert verify(moved).ok
    assert "bundle" not in json.loads((moved / "result.json").read_text())
