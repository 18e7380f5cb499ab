"""A calibration from the load to the stored profile, with a real sampler and a meter that sees the load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from llenergymeasure import plugins
from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.domain.calibration import CalibrationReport
from llenergymeasure.exceptions import ConfigError, MeterError
from llenergymeasure.metrics.calibration.wall_meter_gain import WallMeter
from llenergymeasure.orchestration.calibration.calibrate import (
    WallFile,
    calibrate,
    calibrate_again,
)
from llenergymeasure.orchestration.calibration.known_load import Load, plan_steps
from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.calibration import calibration_document
from llenergymeasure.results.profile_store import load_profiles, machine_key
from tests.support.following_meter import FOLLOWING, IDLE_W, LOADED_W, VARIABLE, FileLoad, NoLoad, StoppedLoad

DURATION_S = 3.0


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("LLEM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "loaded"))
    monkeypatch.setitem(plugins.BUILTIN["meters"], "following", FOLLOWING)
    return tmp_path / "data" / "profiles.json"


def _calibrate(load: Load, wall: WallFile | None = None, duration_s: float = DURATION_S) -> CalibrationReport:
    return calibrate(
        EnergyConfig(meters="following"),
        duration_s,
        wall,
        on_progress=lambda _left_s, _doing: None,
        make_load=lambda _channels: load,
    )


def _wall_file(path: Path, report: CalibrationReport, gain: float) -> WallFile:
    """Write what a wall meter would have logged of the load."""
    steps = report.profiles[0].steps
    edges_s = [step.start_unix_ns / 1e9 for step in steps]
    t_s = np.arange(edges_s[0] - 2, steps[-1].end_unix_ns / 1e9 + 2, 0.1)
    at = np.clip(np.searchsorted(edges_s, t_s) - 1, 0, len(steps) - 1)
    ended = t_s > steps[-1].end_unix_ns / 1e9
    watts = [
        40 + gain * (LOADED_W if steps[step].loaded and not over else IDLE_W)
        for step, over in zip(at, ended, strict=True)
    ]
    rows = [f"{time:.3f},{power}" for time, power in zip(t_s, watts, strict=True)]
    path.write_text("\n".join(["time,power_w", *rows]))
    return WallFile(path=path, meter=WallMeter(meter_error=0.01, psu_efficiency=1.0))


def test_profile_is_found_stored_and_told_with_what_it_does_not_tell(store: Path) -> None:
    report = _calibrate(FileLoad())
    (profile,) = report.profiles
    assert profile.idle_power_w == pytest.approx(IDLE_W, rel=0.05)
    assert profile.loaded_power_w == pytest.approx(LOADED_W, rel=0.05)
    assert profile.machine == machine_key()
    assert load_profiles() == (profile,)
    text = plain_text(calibration_document(report))
    assert "the gain term of the uncertainty stays" in text
    assert f"Stored in {store}" in text


@pytest.mark.slow
def test_log_saved_afterwards_fixes_the_gain_of_the_last_calibration(tmp_path: Path) -> None:
    wall = _wall_file(tmp_path / "wall.csv", _calibrate(FileLoad(), duration_s=8.0), gain=1.1)
    (profile,) = calibrate_again(wall).profiles
    assert profile.wall is not None
    assert profile.wall.gain.value == pytest.approx(1.1, rel=0.03)
    assert load_profiles() == (profile,)
    wall.path.write_text("time,power_w\n" + "1,1\n" * 30)
    with pytest.raises(ConfigError, match=r"wall\.csv: it does not cover the load"):
        calibrate_again(wall)
    assert load_profiles() == (profile,)


def test_missing_log_does_not_cost_the_calibration(tmp_path: Path) -> None:
    meter = WallMeter(meter_error=0.01, psu_efficiency=None)
    report = _calibrate(FileLoad(), WallFile(path=tmp_path / "later.csv", meter=meter))
    assert "later.csv cannot be read" in (report.wall_problem or "")
    assert load_profiles() == report.profiles


def test_no_response_is_an_error_and_nothing_is_stored(store: Path) -> None:
    with pytest.raises(
        MeterError, match=r"no sensor responded to the load: D: it showed 100\.0 W .* Nothing was stored"
    ):
        _calibrate(NoLoad())
    assert not store.exists()


def test_interrupt_ends_the_sampler_and_stores_nothing(store: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _calibrate(StoppedLoad())
    assert not store.exists()
    assert psutil.Process().children() == []


def test_last_without_a_calibration_is_refused(tmp_path: Path) -> None:
    wall = WallFile(path=tmp_path / "w.csv", meter=WallMeter(meter_error=0.01, psu_efficiency=1.0))
    with pytest.raises(ConfigError, match="no calibration is stored yet"):
        calibrate_again(wall)


@pytest.mark.parametrize("duration_s", [20.0, 150.0, 1000.0])
def test_plan_takes_as_long_as_asked_and_alternates(duration_s: float) -> None:
    plan = plan_steps(duration_s)
    assert sum(step.duration_s for step in plan) == pytest.approx(duration_s)
    assert [step.loaded for step in plan] == [number % 2 == 1 for number in range(len(plan))]
    assert sum(step.steady for step in plan) == 10
