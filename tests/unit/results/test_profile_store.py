"""Profiles are stored per sensor, and read back equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.domain.calibration import LoadStep, SensorProfile, WallGain
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.results.profile_store import keep_profiles, load_profiles, machine_key

GAIN = WallGain(
    gain=Estimate(value=1.04, low=1.03, high=1.05, unit="1", method="derived"),
    psu_efficiency=0.94,
    meter_error=0.01,
    clock_offset_s=7.0,
    sensors=("GPU 0",),
)


def _profile(device: str = "GPU-1", made: int = 1, machine: str | None = None) -> SensorProfile:
    return SensorProfile(
        meter="nvml",
        domain="gpu",
        device=device,
        label="GPU 0",
        machine=machine,
        made_unix_ns=made,
        tool_version="2.0.0",
        idle_power_w=90.0,
        loaded_power_w=430.0,
        counter_period_s=0.1,
        unknown={"power_period_s": "it reports no power"},
        wall=GAIN,
        load="matrix products",
        steps=(LoadStep(start_unix_ns=0, end_unix_ns=1, loaded=True, steady=True, power_w=430.0),),
    )


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("LLEM_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "profiles.json"


def test_nothing_stored_is_no_profiles() -> None:
    assert load_profiles() == ()


def test_profiles_come_back_equal_and_nothing_else_is_left(store: Path) -> None:
    assert keep_profiles([_profile()]) == store
    assert load_profiles() == (_profile(),)
    assert list(store.parent.iterdir()) == [store]


def test_new_profile_replaces_that_of_the_same_sensor_alone() -> None:
    keep_profiles([_profile("GPU-1", 1), _profile("package-0", 1, machine="a")])
    keep_profiles([_profile("GPU-1", 2), _profile("package-0", 2, machine="b")])
    assert [(each.device, each.made_unix_ns) for each in load_profiles()] == [
        ("GPU-1", 2),
        ("package-0", 2),
        ("package-0", 1),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not a file of sensor profiles"),
        ('{"version": 1, "profiles": [{"meter": "nvml"}]}', "profiles.0.domain: Field required"),
        ('{"version": 99, "profiles": []}', "has version 99"),
    ],
)
def test_ruined_file_is_not_used_and_not_overwritten(
    store: Path, text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.parent.mkdir()
    store.write_text(text)
    assert load_profiles() == ()
    assert said in caplog.text
    with pytest.raises(ExperimentError, match="Move it away"):
        keep_profiles([_profile()])
    assert store.read_text() == text


def test_folder_that_cannot_be_written_is_told_with_the_variable_that_moves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLEM_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(ExperimentError, match=r"LLEM_DATA_DIR|cannot be read"):
        keep_profiles([_profile()])


def test_machine_keeps_its_key() -> None:
    assert machine_key() == machine_key()
    assert len(machine_key()) == 16


def test_profile_of_an_earlier_version_opens_with_later_figures_unknown(store: Path) -> None:
    store.parent.mkdir(parents=True)
    gain = '{"value": 1.04, "low": 1.03, "high": 1.05, "unit": "1", "method": "derived"}'
    wall = f'{{"gain": {gain}, "meter_error": 0.01, "clock_offset_s": 7.0, "sensors": ["GPU 0"]}}'
    store.write_text(
        '{"version": 1, "profiles": [{"meter": "nvml", "domain": "gpu", "device": "GPU-1", "label": "GPU 0", '
        '"made_unix_ns": 1, "tool_version": "1.9.0", "idle_power_w": 90, "loaded_power_w": 430, '
        f'"averaging_window_s": 0.025, "load": "matrix products", "wall": {wall}, "steps": []}}]}}'
    )
    (profile,) = load_profiles()
    assert profile.averaging_window_s == 0.025
    assert (profile.averaging_half_width_s, profile.publishing_stall_s, profile.hardware) == (
        None,
        None,
        None,
    )
    assert profile.wall is not None
    assert profile.wall.deviation_w is None
