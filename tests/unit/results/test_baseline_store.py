"""Stored baselines pass from one process to the next, whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llenergymeasure.core.files.user_dirs import cache_dir
from llenergymeasure.domain.baseline import ChannelIdlePower, StoredBaseline
from llenergymeasure.results.baseline_store import FILE, MOST, find_baseline, keep_baseline

ROOT = Path(__file__).parents[3]
REST = """
import json
from llenergymeasure.config.models import MeasurementConfig
from llenergymeasure.harness.idle_baseline import measure_idle_baseline
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.testing import KnownPower, VirtualClock

clock = VirtualClock()
log = Recorder(clock=clock)
protocol = MeasurementConfig.model_validate({"baseline": {"idle_s": 30.0, "reuse_max_age_s": 3600.0}})
_, baseline = measure_idle_baseline(protocol, log, KnownPower(clock, lambda _: 70.0))
print(json.dumps([baseline.origin, [phase.name for phase in log.phases]]))
"""
KEEP = """
import sys
from llenergymeasure.domain.baseline import StoredBaseline
from llenergymeasure.results.baseline_store import keep_baseline

for number in range(20):
    keep_baseline(f"{sys.argv[1]}-{number % 4}", StoredBaseline.model_validate_json(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLEM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _stored(number: int = 0) -> StoredBaseline:
    gpu = ChannelIdlePower(
        meter="nvml", domain="gpu", device="GPU-0", label="GPU 0", power_w=70.0, deviation_w=0.3
    )
    return StoredBaseline(
        measured_unix_ns=number, duration_s=30.0, power_w=70.0, half_width_w=0.5, channels=(gpu,)
    )


def _python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_kept_is_found_again(folder: Path) -> None:
    keep_baseline("key", _stored())
    assert find_baseline("key") == _stored()
    assert find_baseline("other") is None
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_the_latest_are_kept() -> None:
    for number in range(MOST + 3):
        keep_baseline(f"key-{number}", _stored(number))
    assert [find_baseline(f"key-{number}") is None for number in range(4)] == [True, True, True, False]
    assert find_baseline(f"key-{MOST + 2}") is not None


def test_number_that_is_none_is_no_baseline(folder: Path) -> None:
    keep_baseline("key", _stored())
    file = folder / FILE
    file.write_text(file.read_text().replace("70.0", "NaN"))
    assert find_baseline("key") is None


def test_second_process_takes_over_what_the_first_measured() -> None:
    assert json.loads(_python(REST)) == ["measured", ["baseline_idle"]]
    assert json.loads(_python(REST.replace("VirtualClock()", "VirtualClock(1_700_000_600_000_000_000)"))) == [
        "cached",
        ["baseline_check"],
    ]


def test_processes_that_write_at_once_never_leave_half_a_file(folder: Path) -> None:
    text = _stored().model_dump_json()
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(_python, KEEP, f"writer{number}", text) for number in range(4)]
        while not all(each.done() for each in done):
            if (folder / FILE).exists():
                json.loads((folder / FILE).read_text())
        for each in done:
            each.result()
    assert json.loads((folder / FILE).read_text())["baselines"]
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    assert cache_dir() == folder
    monkeypatch.delenv("LLEM_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "llenergymeasure"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_dir() == tmp_path / "home" / ".cache" / "llenergymeasure"
