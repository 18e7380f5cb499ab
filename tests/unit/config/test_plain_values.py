"""Claims about the values of `passthrough_kwargs`: what no file can hold is refused with its place."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "x is of type object; give text, a number"),
        ([1, {"a": {1, 2}}], r"x\[1\]\.a is of type set; give text"),
        (b"\xff", "x is of type bytes"),
        ({1: 2}, "x has the key 1, and keys are text"),
        (inf, "x is not a finite number"),
        ((1.0, nan), r"x\[1\] is not a finite number"),
        (10**5000, "x has thousands of digits"),
        ("\ud800", "x has thousands of digits, or is no Unicode text"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_no_file_can_hold_is_refused_with_its_place(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=rf"passthrough_kwargs\n  Value error, {said}"):
        ExperimentConfig(model="m", passthrough_kwargs={"x": value})


def test_plain_values_are_what_the_worker_reads() -> None:
    given = {"x": [1, 2.5, None, True, "é", {"y": -1}], "z": 10**40}
    config = ExperimentConfig(model="m", passthrough_kwargs=given)
    assert json.loads(config.model_dump_json())["passthrough_kwargs"] == given
