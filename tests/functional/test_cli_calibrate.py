"""`llem calibrate` as it is typed, and a run that uses what it stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from llenergymeasure.domain.calibration import SensorProfile, WallGain
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.results.parquet.trace_phases import read_trace
from llenergymeasure.results.profile_store import keep_profiles, machine_key
from tests.simulators.nvml.machine import NvmlMachine
from tests.simulators.nvml.profiles import rtx3090
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator


def _llem(arguments: list[str], env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llenergymeasure", *arguments]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--duration", "5"], "--duration must be between 20 and 3600 s, not 5"),
        (["--meters", "nvm"], "energy.meters: unknown meter 'nvm'"),
        (["--meters", "none"], "--meters none leaves nothing to calibrate"),
        (["--meters", "auto,nvml"], "auto stands alone"),
        (["--last"], "--last needs --wall-meter"),
        (["--contribute", "."], "--contribute: . already exists: name another file, or remove it"),
        (["--contribute", "no/such.json"], "--contribute: there is no folder no"),
        (["--contribute", ""], "--contribute: the path is empty"),
        (["--last", "--contribute", "profile.json"], "no calibration is stored yet"),
        (["--last", "--wall-meter", "wall.csv"], "no calibration is stored yet"),
        (["--psu-efficiency", "0.9"], "--psu-efficiency needs --wall-meter"),
        (["--wall-meter", "w.csv", "--psu-efficiency", "94"], "between 0.5 and 1, not 94"),
        (["--wall-meter", "w.csv", "--wall-meter-error", "2"], "0.01 is 1 %"),
        (["--wall-meter", "w" * 300, "--meters", "none"], "--meters none leaves nothing to calibrate"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_stores_nothing(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = _llem(["calibrate", *arguments], {**os.environ, "LLEM_DATA_DIR": str(tmp_path / "data")}, tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
    assert not (tmp_path / "data").exists()


def test_model_of_the_power_is_no_sensor_to_calibrate_and_told_before_any_load(tmp_path: Path) -> None:
    env = {**os.environ, "LLEM_DATA_DIR": str(tmp_path / "data")}
    done = _llem(["calibrate", "--meters", "estimate"], env, tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    assert "no sensor to calibrate: the only power here comes from a model (CPU (estimate))" in done.stderr
    assert "calibrating" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.simulator
def test_gpu_that_nothing_can_put_a_load_on_is_told(tmp_path: Path, nvml_simulator: NvmlSimulator) -> None:
    env = nvml_simulator(NvmlMachine(), LLEM_DATA_DIR=str(tmp_path / "data"))
    done = _llem(["calibrate", "--meters", "nvml", "--duration", "20"], env, tmp_path)
    # beside a real GPU there is something to load, but the simulated card does not respond
    assert (done.returncode, "torch" in done.stderr) in [(4, True), (5, False)], done.stderr
    assert not (tmp_path / "data").exists()


def test_last_calibration_is_written_to_send_in_and_told_apart_from_sending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLEM_DATA_DIR", str(tmp_path / "data"))
    keep_profiles([_profile()])
    env = {**os.environ, "USER": "alice", "HOME": str(tmp_path / "alice")}
    done = _llem(["calibrate", "--last", "--contribute", "profile.json"], env, tmp_path)
    assert (done.returncode, done.stderr) == (
        0,
        "note: wrote profile.json; nothing was sent. Read it before you send it\n",
    )
    assert "gain, true/reported" in done.stdout
    text = (tmp_path / "profile.json").read_text()
    (sensor,) = json.loads(text)["sensors"]
    assert sensor["gain"]["true_over_reported"]["value"] == 1.04
    assert [name for name in ("alice", str(tmp_path), machine_key()) if name in text] == []
    again = _llem(["calibrate", "--last", "--contribute", "profile.json"], env, tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert (tmp_path / "profile.json").read_text() == text


@pytest.mark.simulator
def test_card_of_a_profile_is_known_with_its_driver(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    machine = NvmlMachine(gpus=(rtx3090(),), driver_version="570.86.15")
    profile = _profile().model_copy(update={"domain": "gpu", "device": machine.gpus[0].uuid})
    code = """
        import sys
        from llenergymeasure.domain.calibration import SensorProfile
        from llenergymeasure.orchestration.calibration.sensor_hardware import with_hardware

        (profile,) = with_hardware([SensorProfile.model_validate_json(sys.argv[1])])
        print(profile.hardware.model_dump_json())
    """
    assert child_json(code, nvml_simulator(machine), profile.model_dump_json()) == {
        "product": "NVIDIA GeForce RTX 3090",
        "driver_version": "570.86.15",
        "compute_capability": "8.6",
    }


@pytest.mark.slow
def test_run_multiplies_by_the_gain_that_was_stored_and_verifies(
    tmp_path: Path, standin_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLEM_DATA_DIR", str(tmp_path / "data"))
    keep_profiles([_profile()])
    settings = {
        "model": "any",
        "backend": "standin",
        "device": "cpu",
        "workload": {"dataset": "synthetic", "n_prompts": 8, "input_tokens": 5},
        "measurement": {
            "baseline": {"idle_s": 0.3, "loaded_s": 0},
            "warmup": {"min_requests": 1, "min_duration_s": 0, "max_duration_s": 1},
            "window": {"min_duration_s": 0.4},
            "repeats": {"min": 3, "max": 3},
        },
        "energy": {"meters": "estimate", "estimate": {"cpu_max_power_w": 50, "cpu_idle_power_w": 50}},
        "standin": {"token_s": 0.005},
        "output_dir": "out",
    }
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(settings))
    env = {**standin_env, "LLEM_DATA_DIR": str(tmp_path / "data")}
    done = _llem(["run", "experiment.yaml", "--json"], env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mean_power_w"] == pytest.approx(1.04 * 50.0, rel=0.01)
    (table,) = tmp_path.glob("out/single/*/trace.parquet")
    (channel,) = read_trace(table).channels
    assert (channel.gain, channel.relative_error) == (1.04, pytest.approx(0.02))
    assert "against a wall meter" in (channel.note or "")
    verified = _llem(["verify", "out"], env, tmp_path)
    assert verified.returncode == 0, verified.stdout


def _profile() -> SensorProfile:
    gain = Estimate(value=1.04, low=1.04 * 0.98, high=1.04 * 1.02, unit="1", method="derived")
    return SensorProfile(
        meter="estimate",
        domain="cpu",
        device="host",
        label="CPU (estimate)",
        machine=machine_key(),
        made_unix_ns=1,
        tool_version="0",
        idle_power_w=5,
        loaded_power_w=50,
        wall=WallGain(
            gain=gain, psu_efficiency=0.94, meter_error=0.01, clock_offset_s=0, sensors=("CPU (estimate)",)
        ),
        load="none",
        steps=(),
    )
