"""The file that may be sent in has the figures of the sensors, and nothing that leads to a person or a machine."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.domain.calibration import LoadStep, SensorHardware, SensorProfile, WallGain
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.exceptions import ConfigError, ExperimentError
from llenergymeasure.orchestration.calibration.contribution import (
    check_contribution_file,
    contribution_of,
    write_contribution,
)
from llenergymeasure.results.profile_store import machine_key

UUID = "GPU-6f1c2a9e-5b7d-4e0f-8a43-2d9c71b0e650"
MADE_NS = 1_767_225_600_123_456_789


def _profile(**fields: Any) -> SensorProfile:
    gain = Estimate(value=1.04123456789, low=1.03, high=1.05, unit="1", method="derived")
    return SensorProfile(
        **{
            "meter": "nvml",
            "domain": "gpu",
            "device": UUID,
            "label": "GPU 3 (NVIDIA GeForce RTX 3090)",
            "machine": machine_key(),
            "hardware": SensorHardware(
                product="NVIDIA GeForce RTX 3090", driver_version="570.86.15", compute_capability="8.6"
            ),
            "made_unix_ns": MADE_NS,
            "tool_version": "2.0.0",
            "idle_power_w": 125.0,
            "loaded_power_w": 415.0,
            "averaging_window_s": 1.0831234567,
            "averaging_half_width_s": 0.004,
            "publishing_stall_s": 1.0,
            "stall_begins_s": 2.0,
            "wall": WallGain(
                gain=gain,
                psu_efficiency=0.94,
                meter_error=0.01,
                clock_offset_s=7.25,
                sensors=("GPU 3 (NVIDIA GeForce RTX 3090)",),
                deviation_w=0.8,
            ),
            "unknown": {
                "counter_over_power": f"{Path.home()}/wall.csv of {getpass.getuser()} cannot be read"
            },
            "load": "a job of alice",
            "steps": (LoadStep(start_unix_ns=MADE_NS, end_unix_ns=MADE_NS + 1, loaded=True, steady=True),),
            **fields,
        }
    )


def test_no_name_path_time_or_uuid_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "host-of-alice")
    monkeypatch.setenv("LOGNAME", "user-alice")
    text = contribution_of([_profile()]).model_dump_json()
    private = [
        UUID,
        UUID.removeprefix("GPU-"),
        platform.node(),
        getpass.getuser(),
        f"{Path.home()}/",
        "wall.csv",
        machine_key(),
        "GPU 3",
        "alice",
        "7.25",
        str(MADE_NS)[:8],
    ]
    assert [each for each in private if each in text] == []


def test_uuid_is_there_as_the_beginning_of_its_hash() -> None:
    (sensor,) = contribution_of([_profile()]).sensors
    assert sensor.device == f"sha256:{hashlib.sha256(UUID.encode()).hexdigest()[:16]}"


def test_device_that_is_no_random_uuid_is_left_out_for_its_hash_could_be_guessed() -> None:
    (sensor,) = contribution_of([_profile(device="card-of-alice")]).sensors
    assert sensor.device is None


def test_meter_of_a_plugin_has_no_name_in_it() -> None:
    (sensor,) = contribution_of([_profile(meter="alices_meter")]).sensors
    assert sensor.meter == "another"


def test_figures_of_the_sensor_are_in_it() -> None:
    (sensor,) = contribution_of([_profile()]).sensors
    assert sensor.hardware is not None
    assert sensor.hardware.product == "NVIDIA GeForce RTX 3090"
    assert (sensor.averaging_window_s, sensor.averaging_half_width_s) == (1.08312, 0.004)
    assert (sensor.publishing_stall_s, sensor.stall_begins_s) == (1.0, 2.0)
    assert sensor.gain is not None
    assert sensor.gain.true_over_reported.model_dump() == {"value": 1.04123, "low": 1.03, "high": 1.05}
    assert (sensor.gain.sensors, sensor.gain.deviation_w, sensor.gain.contains_psu_losses) == (1, 0.8, False)
    assert sensor.not_found == ("counter_over_power",)


def test_every_field_of_a_profile_is_either_contributed_or_left_out_on_purpose() -> None:
    left_out = {"label", "machine", "included_in_total", "made_unix_ns", "wall", "unknown", "load", "steps"}
    (sensor,) = contribution_of([_profile()]).sensors
    assert set(SensorProfile.model_fields) - left_out == set(sensor.model_dump()) - {"gain", "not_found"}


def test_file_is_written_once_and_never_again(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    check_contribution_file(path)
    write_contribution(path, [_profile()])
    written = path.read_text()
    assert json.loads(written)["format_version"] == 1
    with pytest.raises(ConfigError, match="already exists: name another file, or remove it"):
        check_contribution_file(path)
    with pytest.raises(ExperimentError, match="cannot be written: File exists"):
        write_contribution(path, [])
    assert path.read_text() == written


def test_link_to_nowhere_counts_as_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="already exists"):
        check_contribution_file(tmp_path / "link")


@pytest.mark.parametrize("name", ["missing/profile.json", "file/profile.json", "a" * 300])
def test_file_that_cannot_be_is_refused_in_words(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="--contribute: "):
        check_contribution_file(tmp_path / name)
