"""Claims about numbers that no experiment can have: each field refuses them, with its bound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llenergymeasure import plugins
from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.schema import Schema, alternatives, document_of, field_at, field_paths
from llenergymeasure.config.yaml_text import KeyPath
from llenergymeasure.exceptions import ConfigError

DOCUMENT = document_of(ExperimentConfig)
CHECKED_OTHERWISE = {("config_version",)}
OPEN = {"kind": "open", "rate_per_s": 1.0, "arrivals": "gamma"}
KINDS = {"concurrency": {"kind": "closed"}, "speed": {"kind": "replay", "file": "trace.jsonl"}}
LENGTHS = {"kind": "lognormal", "median": 5, "sigma": 1.0, "max": 9}


def _numbers() -> Iterator[tuple[KeyPath, Schema]]:
    for path in field_paths(DOCUMENT):
        for each in alternatives(field_at(DOCUMENT, path) or {}):
            if each.get("type") in ("integer", "number") and not path[0].startswith("standin"):
                yield path, each


def _refusal(path: KeyPath, value: float) -> str:
    settings: object = value
    for key in reversed(path):
        settings = {key: settings}
    if path[0] in plugins.BUILTIN["backends"]:  # a section of another backend would be the fault
        settings = {**dict(settings), "backend": path[0]}  # type: ignore[call-overload]
    if path[0] == "load":
        settings = {"load": {**KINDS.get(path[1], OPEN), path[1]: value}}
    if path[:2] in (("workload", "input_lengths"), ("workload", "output_lengths")):
        settings = {"workload": {"dataset": "synthetic", path[1]: {**LENGTHS, path[2]: value}}}
    if path == ("workload", "turns"):
        settings = {"workload": {"dataset": "synthetic", "turns": value}}
    with pytest.raises(ConfigError) as caught:
        load_config(overrides={"model": "m", **dict(settings)})  # type: ignore[call-overload]
    return str(caught.value)


@pytest.mark.parametrize("path", sorted({path for path, _ in _numbers()} - CHECKED_OTHERWISE), ids=".".join)
def test_every_number_has_a_largest_value(path: KeyPath) -> None:
    fields = [field for where, field in _numbers() if where == path]
    assert all({"maximum", "exclusiveMaximum"} & field.keys() for field in fields)
    huge = 1e308 if fields[0]["type"] == "number" else 10**30
    refusal = _refusal(path, huge)
    assert refusal.startswith(f"{'.'.join(path)} must be")
    assert "at most" in refusal or "below" in refusal


def test_a_bound_is_written_out() -> None:
    assert _refusal(("measurement", "baseline", "reuse_max_age_s"), 1e10) == (
        "measurement.baseline.reuse_max_age_s must be a number of at least 0 and at most 1000000000, not 10000000000.0"
    )


@pytest.mark.parametrize("digits", [61, 5000])
def test_a_number_of_many_digits_is_refused_in_one_short_line(digits: int) -> None:
    refusal = _refusal(("workload", "n_prompts"), 10**digits)
    assert refusal.startswith(
        "workload.n_prompts must be a whole number of at least 1 and at most 1000000, not "
    )
    assert len(refusal) < 150
    assert "'" not in refusal


@pytest.mark.parametrize(
    ("value", "bounds"), [(0, "of at least 1"), (10**7, "of at least 1 and at most 1000000")]
)
def test_a_bound_against_slips_is_named_where_it_is_crossed(value: int, bounds: str) -> None:
    assert _refusal(("workload", "n_prompts"), value) == (
        f"workload.n_prompts must be a whole number {bounds}, not {value}"
    )
