"""Claims about `--set`."""

from __future__ import annotations

import pytest

from llenergymeasure.config.assignments import deep_merge, parse_assignments
from llenergymeasure.exceptions import ConfigError


def test_dotted_keys_make_nested_mappings_with_yaml_values() -> None:
    assert parse_assignments(
        ["pytorch.batch_size=4", "pytorch.torch_compile=true", "energy.meters=[nvml, rapl]", "x={a: 1}"]
    ) == {
        "pytorch": {"batch_size": 4, "torch_compile": True},
        "energy": {"meters": ["nvml", "rapl"]},
        "x": {"a": 1},
    }


def test_null_and_nothing_are_null_and_later_ones_win() -> None:
    assert parse_assignments(["a=null", "b=", "c=1", "c=2", "d=x=y"]) == {
        "a": None,
        "b": None,
        "c": 2,
        "d": "x=y",
    }


@pytest.mark.parametrize("assignment", ["a", "=1", ".a=1", "a..b=1", "a.=1", ""])
def test_what_is_no_assignment_is_refused_with_an_example(assignment: str) -> None:
    with pytest.raises(ConfigError, match="write KEY=VALUE, for example --set"):
        parse_assignments([assignment])


def test_a_value_that_is_no_yaml_is_refused_with_its_assignment() -> None:
    with pytest.raises(ConfigError, match=r"^--set a.b=\[1,: not valid YAML"):
        parse_assignments(["a.b=[1,"])


def test_deep_merge_leaves_its_arguments_alone() -> None:
    base = {"a": {"b": 1}, "c": 2}
    assert deep_merge(base, {"a": {"d": 3}, "c": {"e": 4}}) == {"a": {"b": 1, "d": 3}, "c": {"e": 4}}
    assert base == {"a": {"b": 1}, "c": 2}
