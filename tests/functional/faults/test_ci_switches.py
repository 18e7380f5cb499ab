"""The two switches of a CI job: a result that must be valid, and a machine that must be idle."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from llenergymeasure.api import load_result
from tests.support.standin_runs import QUICK, bundles_in, with_measurement

SEEN_IDLE = with_measurement(baseline={"idle_s": 1.2, "loaded_s": 0})
API = """
import json, sys
from llenergymeasure import run_experiment
from llenergymeasure.exceptions import InvalidResultError
try:
    run_experiment(json.loads(sys.argv[1]))
except InvalidResultError as error:
    print(error.exit_code, error)
"""


def _run(
    tmp_path: Path, env: dict[str, str], settings: dict[str, object], *options: str
) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(path), f"--output={tmp_path / 'out'}"]
    return subprocess.run(
        [*command, *options], env=env, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Keep one core busy with a process that no run knows."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    process.kill()
    process.wait()


@pytest.mark.usefixtures("busy_machine")
def test_a_strict_run_starts_on_a_busy_machine_and_fails_only_if_its_result_is_invalid(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = _run(tmp_path, standin_env, SEEN_IDLE, "--strict")
    (bundle,) = bundles_in(tmp_path)
    assert done.returncode == (8 if load_result(bundle).verdict == "invalid" else 0), done.stderr


@pytest.mark.usefixtures("busy_machine")
def test_a_run_that_requires_a_quiet_machine_is_refused_on_a_busy_one(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = _run(
        tmp_path, standin_env, QUICK, "--require-quiet", "--json"
    )  # its idle baseline is too short to tell
    assert done.returncode == 3
    assert "other processes kept" in done.stderr
    assert "--require-quiet" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert bundles_in(tmp_path) == []


def test_a_strict_run_from_python_raises_for_an_invalid_result(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    env = {**standin_env, "LLEM_POWERCAP_DIR": str(_standing_counter(tmp_path))}
    settings = {
        **with_measurement(strict=True),
        "energy": {"meters": "rapl"},
        "output_dir": str(tmp_path / "out"),
    }
    command = [sys.executable, "-c", API, json.dumps(settings)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    (bundle,) = bundles_in(tmp_path)
    assert done.stdout.startswith("8 the result is invalid (")
    assert str(bundle) in done.stdout


def _standing_counter(tmp_path: Path) -> Path:
    """Return a powercap tree whose only counter never moves, so that the energy is unknown."""
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in {
        "name": "package-0",
        "energy_uj": "1000",
        "max_energy_range_uj": "262143328850",
    }.items():
        (zone / name).write_text(f"{text}\n")
    return zone.parent
