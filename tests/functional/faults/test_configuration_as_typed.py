"""Settings as users of other tools type them: taken for what they mean, or refused with their line and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from llenergymeasure.cli.app import app


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()


def _refusal(text: str) -> str:
    Path("x.yaml").write_text(text)
    done = CliRunner().invoke(app, ["run", "x.yaml"])
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.strip().removeprefix("error: ")


@pytest.mark.parametrize(
    "text",
    [
        "model: m\nbackend: vlm\npytorch: {batch_size: 2}\n",
        "model: m\nbackend: vlm\nvlm: {batch_size: 2}\n",
        "model: m\nenergy:\n  meters: estimat\n  estimate: {cpu_max_power_w: 9}\n",
        "model: m\nenergy:\n  meters: [nvml, estimat]\n  estimat: {cpu_max_power_w: 9}\n",
    ],
)
def test_a_misspelt_plugin_is_one_fault_whatever_sections_there_are(text: str) -> None:
    said = _refusal(text)
    assert ": unknown " in said
    assert "did you mean" in said
    assert len(said.splitlines()) == 1


def test_a_fault_within_the_section_is_told_with_the_misspelt_plugin() -> None:
    said = _refusal("model: m\nbackend: vlm\npytorch: {batch_size: 0}\n")
    assert said.startswith("2 faults in the configuration")
    assert "unknown backend 'vlm'" in said
    assert "pytorch.batch_size must be a whole number of at least 1" in said


@pytest.mark.parametrize(
    ("temperature", "preset"), [("0", "deterministic"), ("0.0", "deterministic"), ("0.7", "sampling")]
)
def test_a_temperature_alone_says_how_tokens_are_chosen(temperature: str, preset: str) -> None:
    typed = [
        "run",
        "--model",
        "./model",
        "--device",
        "cpu",
        "--set",
        f"decoder.temperature={temperature}",
        "--dry-run",
    ]
    done = CliRunner().invoke(app, typed)
    assert yaml.safe_load(done.stdout)["decoder"]["preset"] == preset


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "model: m\nbackend: vlm\n",
            "x.yaml:2: backend: unknown backend 'vlm'; known: pytorch, vllm, ",
        ),
        (
            "model: m\nenergy:\n  meters: nvmll\n",
            "x.yaml:3: energy.meters: unknown meter 'nvmll'; known: nvml, rapl",
        ),
        (
            "model: m\nworkload:\n  dataset: syntetic\n",
            "x.yaml:3: workload.dataset: unknown workload 'syntetic'",
        ),
        (
            "model: m\nlauncher:\n  kind: slrm\n",
            "x.yaml:3: launcher.kind: unknown launcher 'slrm'; known: local",
        ),
        (
            "model: m\nload:\n  kind: ofline\n",
            "x.yaml:3: load.kind must be offline, closed, open or replay, not 'ofline'",
        ),
        ("model: m\nvlm:\n  x: 1\n", "x.yaml:2: unknown key 'vlm'"),
    ],
)
def test_a_name_that_nothing_has_is_refused_with_its_line_and_the_names_that_exist(
    text: str, said: str
) -> None:
    assert _refusal(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "decoder:\n  preset: sampling\n  temperature: 0",
            "x.yaml:4: decoder: temperature: 0 is greedy decoding",
        ),
        ("decoder:\n  temperature: 0\n  top_p: 0.9", "x.yaml:3: decoder: temperature: 0 is greedy decoding"),
        (
            "decoder:\n  preset: greedy",
            "x.yaml:3: decoder.preset must be deterministic or sampling, not 'greedy' (did",
        ),
        (
            "decoder:\n  do_sample: false",
            "x.yaml:3: unknown key 'decoder.do_sample' (did you mean 'decoder.preset'?)",
        ),
        ("decoder:\n  seed: 1", "x.yaml:3: unknown key 'decoder.seed' (did you mean 'random_seed'?)"),
        (
            "max_new_tokens: 8",
            "x.yaml:2: unknown key 'max_new_tokens' (did you mean 'workload.max_output_tokens'?)",
        ),
    ],
)
def test_decoding_settings_of_other_tools_are_told_ours(text: str, said: str) -> None:
    assert _refusal(f"model: m\n{text}\n").startswith(said)
