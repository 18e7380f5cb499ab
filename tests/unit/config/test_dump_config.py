"""Claims about writing a configuration and reading it back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.config.loader import dump_config, load_config
from llenergymeasure.config.models import ExperimentConfig

TEXT = st.one_of(
    st.sampled_from(
        ["on", "yes", "1e-3", "0x1f", "null", "2024-01-01", "1:30", "~", "#x", "a: b", "é✗", "- x", "<<"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20),
).filter(str.strip)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
CONFIGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"model": TEXT},
    optional={
        "device": st.sampled_from(["cpu", "cuda"]),
        "revision": st.none() | TEXT,
        "random_seed": st.integers(0, 2**32 - 1),
        "workload": st.fixed_dictionaries(
            {}, optional={"dataset": TEXT.map("./{}".format), "n_prompts": st.integers(1, 10**6)}
        ),
        "measurement": st.fixed_dictionaries(
            {},
            optional={
                "baseline": st.fixed_dictionaries({"idle_s": st.floats(0, 604_800)}),
                "repeats": st.fixed_dictionaries({"target_relative_ci": st.none() | st.floats(1e-9, 1e3)}),
            },
        ),
        "energy": st.fixed_dictionaries(
            {"meters": st.lists(st.sampled_from(["nvml", "rapl", "zeus"]), min_size=1, unique=True)}
        ),
        "pytorch": st.fixed_dictionaries(
            {"device_map": st.dictionaries(TEXT, st.integers() | TEXT, max_size=3)}
        ),
        "passthrough_kwargs": st.dictionaries(TEXT.map("x_{}".format), PLAIN, max_size=3),
        "output_dir": TEXT,
    },
)


@given(CONFIGS)
@settings(deadline=None, max_examples=60)
def test_a_configuration_loads_back_equal(raw: dict[str, Any]) -> None:
    config = ExperimentConfig.model_validate(raw)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(dump_config(config), encoding="utf-8")
        assert load_config(file) == config


def test_other_readers_of_yaml_take_it_for_the_same() -> None:
    config = ExperimentConfig(model="on", revision="1e-3", output_dir="012")
    assert ExperimentConfig.model_validate(yaml.safe_load(dump_config(config))) == config


def test_every_field_is_written_and_the_header_says_how_to_repeat_it() -> None:
    text = dump_config(ExperimentConfig(model="gpt2"))
    assert "llem run config.yaml" in text
    assert set(yaml.safe_load(text)) == set(ExperimentConfig.model_fields)
