"""Claims about decoding settings: one form for all ways to write the same, and no contradictions."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llenergymeasure.config.models import DecoderConfig, ExperimentConfig


def _hash(**decoder: Any) -> str:
    return ExperimentConfig(model="m", decoder=decoder).config_hash


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0},
        {"temperature": 0.0},
        {"temperature": -0.0, "preset": "deterministic"},
        {"temperature": 0, "top_p": 1, "top_k": -1},
        {"top_p": 1.0},
        {"top_k": 0, "repetition_penalty": 1.0},
        {"temperature": None, "top_p": None},
    ],
)
def test_temperature_zero_and_settings_that_do_nothing_are_greedy_decoding(settings: dict[str, Any]) -> None:
    assert DecoderConfig.model_validate(settings) == DecoderConfig()
    assert _hash(**settings) == _hash()


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 1},
        {"temperature": 1.0, "preset": "sampling", "top_p": 1},
        {"preset": "sampling", "top_k": 0},
    ],
)
def test_a_temperature_implies_sampling_and_sampling_has_a_temperature(settings: dict[str, Any]) -> None:
    config = DecoderConfig.model_validate(settings)
    assert (config.preset, config.temperature, config.top_p, config.top_k) == ("sampling", 1.0, None, None)
    assert _hash(**settings) == _hash(preset="sampling")


@pytest.mark.parametrize("settings", [{"top_k": 5}, {"top_p": 0.9}, {"temperature": 0.7}])
def test_one_field_of_sampling_implies_it(settings: dict[str, Any]) -> None:
    config = DecoderConfig.model_validate(settings)
    assert config.preset == "sampling"
    assert config == DecoderConfig.model_validate({"preset": "sampling", **settings})
    assert DecoderConfig.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"preset": "deterministic", "temperature": 0.7},
            "temperature has no effect with preset: deterministic",
        ),
        ({"preset": "deterministic", "top_k": 3}, "top_k has no effect with preset: deterministic"),
        (
            {"preset": "sampling", "temperature": 0},
            "temperature: 0 is greedy decoding, which excludes preset: sampling",
        ),
        ({"temperature": 0, "top_p": 0.9}, "temperature: 0 is greedy decoding, which excludes top_p"),
        ({"temperature": 1e-9}, "write 0 for greedy decoding"),
    ],
)
def test_contradictions_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DecoderConfig.model_validate(settings)


@pytest.mark.parametrize(
    "settings", [{"temperature": -1}, {"temperature": "0"}, {"temperature": False}, {"top_k": 0.5}]
)
def test_what_is_no_temperature_stays_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DecoderConfig.model_validate(settings)
