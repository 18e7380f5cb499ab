"""A run on a machine that others keep busy is not valid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.standin_runs import bundles_in, with_measurement


@pytest.fixture
def crowded_machine() -> Iterator[None]:
    """Keep every core busy with processes that no run knows."""
    crowd = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    yield
    for process in crowd:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("crowded_machine")
def test_a_run_on_a_machine_that_others_use_up_is_invalid_and_says_how_much(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(json.dumps(with_measurement(window={"min_duration_s": 0.5})))
    command = [sys.executable, "-c", "from llenergymeasure.cli.main import main; main()", "run", str(config)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out")],
        env=standin_env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((bundles_in(tmp_path)[0] / "result.json").read_text())
    loads = [each for each in result["warnings"] if each["code"] == "foreign_cpu_load"]
    during = next(each for each in loads if each["message"].startswith("During"))
    assert (result["verdict"], during["severity"]) == ("invalid", "invalid")
    assert during["magnitude"] > 1 / 3
    assert "of the energy is theirs" in during["message"]
    assert len(result["interference"]["hold_ups"]) == 3
