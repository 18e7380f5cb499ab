"""Numbers with a slip in them, as people type them: refused at once, with the setting and its bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure import ExperimentConfig, api, run_experiment
from llenergymeasure.cli.app import app
from llenergymeasure.exceptions import ConfigError, PreFlightError


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("x.yaml").write_text("model: ./model\ndevice: cpu\nmeasurement:\n  window:\n    min_duration_s: 1\n")


def _refusal(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["run", *arguments, "--dry-run"])
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.strip().removeprefix("error: ")


@pytest.mark.parametrize(
    ("assignment", "bound"),
    [
        ("workload.n_prompts=99999999999", "and at most 1000000, not 99999999999"),
        ("measurement.window.min_duration_s=1e308", "and at most 604800, not 1e+308"),
        ("measurement.baseline.idle_s=1e12", "and at most 604800, not 1000000000000.0"),
        ("measurement.warmup.min_requests=10000000000", "and at most 1000000, not 10000000000"),
        ("energy.estimate.cpu_max_power_w=1e308", "and at most 100000, or null, not 1e+308"),
        ("pytorch.num_threads=100000", "and at most 10000, or null, not 100000"),
        ("pytorch.num_beams=1000000000000000000000000000000", "and at most 1000, not 10000000000000"),
        ("pytorch.length_penalty=1e308", "and at most 10, or null, not 1e+308"),
        ("decoder.temperature=1e30", "and at most 1000, or null, not 1e+30"),
    ],
)
def test_a_number_that_no_experiment_has_is_refused_with_its_bound(assignment: str, bound: str) -> None:
    key = assignment.partition("=")[0]
    refusal = _refusal("x.yaml", "--set", assignment)
    assert refusal.startswith(f"--set {key}: {key} must be")
    assert bound in refusal


@pytest.mark.parametrize(
    ("typed", "said"), [("1e400", "larger than any number can be"), ("1e-400", "too close to 0")]
)
def test_a_number_that_does_not_fit_is_quoted_as_it_was_typed(typed: str, said: str) -> None:
    Path("x.yaml").write_text(f"model: ./model\ndecoder:\n  temperature: {typed}\n")
    assert _refusal("x.yaml").startswith(f"x.yaml:3:16: {typed} is {said}")


def test_a_wrong_value_in_python_is_a_value_error_of_the_model_and_else_our_own() -> None:
    settings = {
        "model": "./model",
        "energy": {"exclude": [""]},
        "measurement": {"baseline": {"idle_s": 1e308}},
    }
    with pytest.raises(ValueError, match=r"energy\.exclude"):
        ExperimentConfig(**settings)  # type: ignore[arg-type]
    Path("x.yaml").write_text(
        "model: ./model\nmeasurement: {baseline: {idle_s: 1.0e+308}}\nenergy: {exclude: ['']}\n"
    )
    for take in (run_experiment, api.check):
        with pytest.raises(
            ConfigError, match=r"2 faults in the configuration\n  (.*\n)*.*energy\.exclude\[0\]"
        ):
            take(settings)
        with pytest.raises(ConfigError, match=r"x\.yaml:2: measurement\.baseline\.idle_s .* at most 604800"):
            take("x.yaml")


def test_the_room_of_a_run_that_fits_no_disk_is_readable() -> None:
    tokens = {"n_prompts": 1000, "max_output_tokens": 10**9, "dataset": "synthetic"}
    config = ExperimentConfig.model_validate(
        {"model": "./model", "device": "cpu", "workload": tokens, "energy": {"meters": "none"}}
    )
    with pytest.raises(PreFlightError, match=r"no room for results: .* this run may take \d{3} TB"):
        api.check(config)


@pytest.mark.parametrize(
    "key",
    [
        "workload.n_prompts.x",
        "Workload.n_prompts",
        "workload.foo.x",
        "model.x",
        "measurement.window.min_duration_s.x",
    ],
)
def test_a_key_of_the_command_line_is_not_blamed_on_the_file(key: str) -> None:
    Path("x.yaml").write_text("model: ./model\nworkload:\n  n_prompts: 4\n")
    assert _refusal("x.yaml", "--set", f"{key}=1").startswith(f"--set {key}: ")


def test_an_empty_path_is_not_taken_for_the_present_folder() -> None:
    assert _refusal("") == "CONFIG.yaml: the path is empty, perhaps because a variable was not set"
    with pytest.raises(ConfigError, match="the path of the configuration is empty"):
        run_experiment("")


@pytest.mark.parametrize(
    "arguments", [["doctor", "-o", ""], ["doctor", "--python", ""], ["calibrate", "--wall-meter", ""]]
)
def test_an_empty_path_of_an_option_is_refused(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.strip().endswith(": the path is empty, perhaps because a variable was not set")


def test_a_folder_is_no_log_of_a_wall_meter() -> None:
    done = CliRunner().invoke(app, ["calibrate", "--wall-meter", "model"])
    assert (done.exit_code, done.stderr.strip()) == (
        2,
        "error: --wall-meter: model is a folder: name the CSV file that the log is written to",
    )
