"""Claims about reading a configuration from a file and overrides."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from llenergymeasure.config.loader import MAX_BYTES, load_config
from llenergymeasure.config.models import MeasurementConfig, WorkloadConfig
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import installed


def refusal(tmp_path: Path, text: str, **arguments: object) -> str:
    """Return what is said of a file, the file called x.yaml."""
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file, **arguments)  # type: ignore[arg-type]
    return str(caught.value).replace(str(file), "x.yaml")


def test_a_file_gives_its_settings_and_the_rest_by_default(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("model: gpt2\nworkload: {n_prompts: 7}\n", encoding="utf-8")
    config = load_config(file)
    assert (config.model, config.workload.n_prompts, config.workload.max_output_tokens) == ("gpt2", 7, 128)


def test_overrides_keep_the_neighbours_of_nested_fields(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("model: gpt2\nmeasurement: {repeats: {min: 4, max: 20}, window: {min_duration_s: 3}}\n")
    config = load_config(file, {"measurement": {"repeats": {"max": 9}}, "pytorch": {"batch_size": 4}})
    assert (config.measurement.repeats.min, config.measurement.repeats.max) == (4, 9)
    assert config.measurement.window.min_duration_s == 3
    assert config.pytorch is not None
    assert config.pytorch.batch_size == 4


def test_an_override_replaces_an_empty_section(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("model: gpt2\npytorch:\n")
    config = load_config(file, {"pytorch": {"batch_size": 4}})
    assert config.pytorch is not None


def test_overrides_from_python_may_hold_sections_tuples_and_paths() -> None:
    config = load_config(
        overrides={
            "model": Path("/models/x"),
            "workload": WorkloadConfig(n_prompts=3),
            "energy": {"meters": ("nvml", "rapl")},
        }
    )
    assert (config.model, config.workload.n_prompts) == ("/models/x", 3)
    assert config.energy.meters == ("nvml", "rapl")


def test_an_unknown_key_is_named_with_file_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    assert refusal(tmp_path, "model: gpt2\nworkload:\n  n_promts: 4\n") == (
        "x.yaml:3: unknown key 'workload.n_promts' (did you mean 'workload.n_prompts'?)"
    )


def test_a_key_of_another_section_is_pointed_to(tmp_path: Path) -> None:
    assert "(did you mean 'pytorch.batch_size'?)" in refusal(tmp_path, "model: gpt2\nbatch_size: 4\n")


def test_a_key_like_no_other_is_answered_with_those_there_are(tmp_path: Path) -> None:
    assert refusal(tmp_path, "model: gpt2\nmeasurement: {zzz: 4}\n") == (
        f"x.yaml:2: unknown key 'measurement.zzz'; known here: {', '.join(MeasurementConfig.model_fields)}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: 7", "x.yaml:1: model must be text that is not empty, not 7 (put it in quotes)"),
        ("model: ''", "x.yaml:1: model must not be empty"),
        ("model: '  '", "x.yaml:1: model: the model is empty"),
        ("model: a\nprecision: fp8", "x.yaml:2: precision must be fp32, fp16 or bf16, not 'fp8'"),
        ("model: a\ndevice: cdua", "x.yaml:2: device must be cuda or cpu, not 'cdua' (did you mean cuda?)"),
        ("model: a\nweights: null", "x.yaml:2: weights must be pretrained or random, not null"),
        (
            "model: a\ntrust_remote_code: yes",
            "x.yaml:2: trust_remote_code must be true or false, not 'yes' (write true)",
        ),
        (
            "model: a\nworkload:\n  n_prompts: '4'",
            "x.yaml:3: workload.n_prompts must be a whole number of at least 1, not '4' (without the quotes)",
        ),
        (
            "model: a\nworkload: {n_prompts: true}",
            "x.yaml:2: workload.n_prompts must be a whole number of at least 1, not true",
        ),
        (
            "model: a\nworkload: {n_prompts: 0}",
            "x.yaml:2: workload.n_prompts must be a whole number of at least 1, not 0",
        ),
        (
            "model: a\nmeasurement: {baseline: {idle_s: .inf}}",
            "x.yaml:2: measurement.baseline.idle_s must be a number of at least 0, not inf",
        ),
        (
            "model: a\nworkload:\n",
            "x.yaml:2: workload is empty: indent its settings below it, or remove the key",
        ),
        (
            "model: a\nmeasurement: {window: 7}",
            "x.yaml:2: measurement.window must be a mapping of min_duration_s, not 7",
        ),
        (
            "model: a\nenergy: {meters: [nvml, 3]}",
            "x.yaml:2: energy.meters[1] must be text that is not empty, not 3 (put it in quotes)",
        ),
        (
            "model: a\nenergy: {meters: 7}",
            "x.yaml:2: energy.meters must be text that is not empty, or a list, "
            "each entry text that is not empty, not 7",
        ),
        ("model: a\nenergy: {meters: []}", "x.yaml:2: energy.meters: name at least one meter, or write none"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed_and_what_was_given(
    tmp_path: Path, text: str, said: str
) -> None:
    assert refusal(tmp_path, text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "model: a\npytorch:\n  batch_size: 2\n  load_in_4bit: true\n  load_in_8bit: true",
            "x.yaml:4: pytorch: load_in_4bit and load_in_8bit exclude each other: keep one",
        ),
        (
            "model: a\nbackend: pytorch\nvllm: {x: 1}",
            "x.yaml:3: vllm: this section does not belong to backend 'pytorch': remove it, or set backend: vllm",
        ),
        (
            "model: a\nenergy: {meters: nvml, estimate: {cpu_max_power_w: 9}}",
            "x.yaml:2: energy.estimate: the meter 'estimate' is not read: add it to energy.meters, "
            "or remove this section",
        ),
        (
            "model: a\npassthrough_kwargs:\n  low_cpu_mem_usage: true\n  batch_size: 4",
            "x.yaml:4: passthrough_kwargs key 'batch_size' is a field of its own: set pytorch.batch_size",
        ),
    ],
)
def test_an_impossible_combination_is_refused_at_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text) == said


def test_a_section_of_a_backend_without_options_is_refused_at_its_line(tmp_path: Path) -> None:
    with installed("backends", Plugin(name="bare", target="nowhere:Bare")):
        said = refusal(tmp_path, "model: a\nbackend: bare\nbare: {x: 1}")
    assert said == "x.yaml:3: bare: backend 'bare' has no options here: remove its section"


def test_all_faults_of_a_file_come_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    said = refusal(
        tmp_path,
        "model: a\nvllm: {x: 1}\nprecison: bf16\nworkload: {n_prompts: ten}\npytorch: {load_in_4bit: 1}\n",
    )
    first, *lines = said.splitlines()
    assert first == "4 faults in the configuration"
    assert [line.split(": ")[0].strip() for line in lines] == ["x.yaml:2", "x.yaml:3", "x.yaml:4", "x.yaml:5"]


def test_an_unknown_backend_is_refused_with_the_names_that_exist_and_the_nearest(tmp_path: Path) -> None:
    text = refusal(tmp_path, "model: a\nbackend: vlm")
    assert text.startswith("x.yaml:2: backend: unknown backend 'vlm'; known: pytorch, vllm, ")
    assert text.endswith("(did you mean vllm?)")


def test_a_missing_model_is_missed(tmp_path: Path) -> None:
    assert refusal(tmp_path, "backend: pytorch").startswith("x.yaml: model is missing: ")
    with pytest.raises(ConfigError, match=r"^model is missing: "):
        load_config()


def test_a_fault_of_an_override_names_where_it_came_from(tmp_path: Path) -> None:
    said = refusal(
        tmp_path,
        "model: a\npytorch: {batch_size: 4}\n",
        overrides={"pytorch": {"num_beams": "x"}, "devise": "cpu"},
        origins={("pytorch", "num_beams"): "--set pytorch.num_beams"},
    )
    assert "--set pytorch.num_beams: pytorch.num_beams must be a whole number of at least 1, not 'x'" in said
    assert "overrides: unknown key 'devise' (did you mean 'device'?)" in said


def test_what_is_no_mapping_gets_a_clear_word(tmp_path: Path) -> None:
    assert refusal(tmp_path, "- a\n- b\n").startswith("x.yaml holds no settings")
    assert refusal(tmp_path, "gpt2").startswith("x.yaml holds no settings")
    assert refusal(tmp_path, "# nothing\n") == "x.yaml is empty: it needs at least `model: NAME`"
    assert refusal(tmp_path, "").startswith("x.yaml is empty")
    assert refusal(tmp_path, "a: [1").startswith("x.yaml:1:")


def test_what_is_no_text_file_gets_a_clear_word(tmp_path: Path) -> None:
    binary, large = tmp_path / "b.yaml", tmp_path / "l.yaml"
    binary.write_bytes(b"model: \xff\xfe")
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    packed, wide = tmp_path / "p.yaml", tmp_path / "w.yaml"
    packed.write_bytes(gzip.compress(b"model: a"))
    wide.write_text("model: a", encoding="utf-16")
    (tmp_path / "config.yaml").write_text("model: a")
    for path, words in (
        (binary, "is not a text file in UTF-8"),
        (large, "is larger than 1 MB"),
        (packed, "is a gzip file: unpack it first (gunzip)"),
        (wide, "is in UTF-16: convert it to UTF-8"),
        (tmp_path, f"is a folder: name the YAML file in it, {tmp_path / 'config.yaml'}"),
        (tmp_path / "none.yaml", "does not exist"),
        (Path("\0"), "cannot be read"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert words in str(caught.value)


def test_a_value_python_alone_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match="no plain value"):
        load_config(overrides={"model": "a", "passthrough_kwargs": {"x": object()}})


def test_an_option_of_another_data_set_is_told_with_the_data_set_that_has_it() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(overrides={"model": "m", "workload": {"turns": 2}})
    assert str(refused.value) == (
        "workload.turns belongs to dataset: synthetic; remove it, or set workload.dataset"
    )
