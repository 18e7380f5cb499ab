"""A disk that fills up during a run: what was measured becomes a bundle elsewhere, and its place is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from llenergymeasure.api import load_result, open_bundle, verify
from tests.support.plugin_fixtures import add_backend
from tests.support.typed import llem, quick_run

ENOSPC, EIO = 28, 5
FILLED = "filled"
BACKEND = """
import sys
from pathlib import Path
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend

FILLING = Plugin(name="filling", target="llem_filling:Filling", install="pip install llem-filling")

class Filling(StandInBackend):
    name = "filling"

    def load(self, *arguments):
        Path("filled").touch()
        print("loading weights: 100 %", file=sys.stderr, flush=True)
        return super().load(*arguments)

    def run(self, requests, done):
        self.runs = getattr(self, "runs", 0) + 1
        if self.runs > 4 and Path("fails").exists():
            raise RuntimeError("the device is lost")
        super().run(requests, done)
"""


def _run(
    tmp_path: Path, env: dict[str, str], library: Path, error: int, *arguments: str
) -> subprocess.CompletedProcess[str]:
    add_backend(tmp_path, "filling", "llem_filling:FILLING", BACKEND)
    refusing = {
        "LD_PRELOAD": str(library),
        "REFUSE_UNDER": str(tmp_path / "out"),
        "REFUSE": f"write={error}",
        "REFUSE_ONCE": str(tmp_path / FILLED),
        "LLEM_DATA_DIR": str(tmp_path / "data"),
    }
    typed = [*quick_run(tmp_path / "out"), "--backend=filling", *arguments]
    return subprocess.run(
        llem(tmp_path, *typed),
        cwd=tmp_path, env={**env, **refusing}, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("error", [ENOSPC, EIO])
def test_a_disk_that_fills_up_costs_nothing_that_was_measured(
    tmp_path: Path, standin_env: dict[str, str], refusing_fs: Path, error: int
) -> None:
    done = _run(tmp_path, standin_env, refusing_fs, error)
    assert done.returncode == 6, done.stderr
    (kept,) = (tmp_path / "data" / f"rescued-{os.geteuid()}").iterdir()
    why = os.strerror(error)
    assert (
        f"error: the result could not be written to {tmp_path}/out/single: {why}. It was kept in {kept}"
        in done.stderr
    )
    assert f"requests.jsonl: {why}; what is measured from here on is kept in memory" in done.stderr
    assert "window 1 of 1" in done.stderr
    assert not (tmp_path / "out").exists()
    result = load_result(kept)
    assert result.total_energy_j is not None
    assert not {"sampler_died", "sample_gap"} & {each.code for each in result.warnings}
    samples = open_bundle(kept).trace.samples
    assert samples["t_unix_ns"][-1] >= result.repeats[-1].end_unix_ns
    assert verify(kept).ok


def test_a_run_that_fails_on_a_full_disk_keeps_what_it_measured_and_its_own_error(
    tmp_path: Path, standin_env: dict[str, str], refusing_fs: Path
) -> None:
    (tmp_path / "fails").touch()
    done = _run(tmp_path, standin_env, refusing_fs, ENOSPC)
    assert done.returncode == 4, done.stderr
    (kept,) = (tmp_path / "data" / f"rescued-{os.geteuid()}").iterdir()
    assert kept.name.endswith(".interrupted")
    assert f"No space left on device. It was kept in {kept}" in done.stderr
    assert "error: backend 'filling' failed in run(): RuntimeError: the device is lost" in done.stderr
    assert not (tmp_path / "out").exists()
