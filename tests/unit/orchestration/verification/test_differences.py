"""Two documents differ where a leaf does, and rounding is no difference."""

from __future__ import annotations

import math
from typing import Any

import pytest

from llenergymeasure.orchestration.verification.differences import ABSENT, differences


def _fields(stored: Any, recomputed: Any) -> list[str]:
    return [difference.field for difference in differences(stored, recomputed)]


@pytest.mark.parametrize(
    ("stored", "recomputed"),
    [
        (1.0, 1.0 + 9e-10),
        (1e12, 1e12 + 900.0),
        (0.0, 1e-13),
        (3, 3.0),
        (math.inf, math.inf),
        (None, None),
        (True, True),
        ("a", "a"),
        ([], []),
    ],
)
def test_equal_but_for_rounding(stored: Any, recomputed: Any) -> None:
    assert _fields({"x": stored}, {"x": recomputed}) == []


@pytest.mark.parametrize(
    ("stored", "recomputed"),
    [
        (1.0, 1.0 + 2e-9),
        (1_700_000_000_000_000_000, 1_700_000_000_000_000_001),
        (1, True),
        (0, False),
        (0.0, None),
        (None, 0.0),
        (1.0, "1.0"),
        (math.inf, 1.0),
        ([], None),
        ({}, []),
    ],
)
def test_different(stored: Any, recomputed: Any) -> None:
    assert _fields({"x": stored}, {"x": recomputed}) == ["x"]


def test_path_leads_to_the_leaf() -> None:
    stored = {"repeats": [{"energy_j": 1.0}, {"energy_j": 2.0}], "n": 1}
    recomputed = {"repeats": [{"energy_j": 1.0}, {"energy_j": 3.0}], "n": 1}
    assert _fields(stored, recomputed) == ["repeats[1].energy_j"]


def test_what_only_one_side_has_is_told_as_absent_from_the_other() -> None:
    (added,) = differences({"a": None}, {})
    (removed,) = differences([1], [1, 2])
    assert (added.field, added.stored, added.recomputed) == ("a", None, ABSENT)
    assert (removed.field, removed.stored, removed.recomputed) == ("[1]", ABSENT, 2)
