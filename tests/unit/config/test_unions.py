"""Faults in a union of sections are those of the member that fits best; every refusal is pydantic's own."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, StringConstraints, ValidationError, field_validator

from llenergymeasure.config.base import Items, NonEmpty, Section
from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.validation import faults
from llenergymeasure.exceptions import ConfigError


class _Constant(Section):
    """A constant rate."""

    rate_per_s: float = Field(gt=0)


class _Bursts(Section):
    """Bursts."""

    size: int = Field(4, ge=1)
    every_s: float = 1.0


class _Offline(Section):
    """All at once."""

    kind: Literal["offline"] = "offline"


class _Closed(Section):
    """A closed loop."""

    kind: Literal["closed"]
    concurrency: int = Field(ge=1)


class _Config(Section):
    """Unions of every kind."""

    arrivals: _Constant | _Bursts = _Bursts()
    load: Annotated[_Offline | _Closed, Field(discriminator="kind")] = _Offline()
    limit: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    either: bool | _Bursts = False
    name: Annotated[str, StringConstraints(pattern="^[a-z]+$")] = "a"
    places: str | dict[str, int | str] | None = None
    steps: Items[int] = ()
    limits: dict[str, _Bursts] = {}  # noqa: RUF012

    @field_validator("steps")
    @classmethod
    def _ascending(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(value):
            raise ValueError("steps go up")
        return value


def _sentences(data: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        _Config.model_validate(data)
    return [fault.sentence for fault in faults(caught.value, data, _Config)]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"arrivals": {"rate_per_s": 0}}, "arrivals.rate_per_s must be a number above 0, not 0"),
        ({"arrivals": {"size": "x"}}, "arrivals.size must be a whole number of at least 1, not 'x'"),
        (
            {"arrivals": {"size": 2, "evry_s": 1}},
            "unknown key 'arrivals.evry_s' (did you mean 'arrivals.every_s'?)",
        ),
        (
            {"arrivals": 7},
            "arrivals must be a mapping of rate_per_s, or a mapping of size, every_s, not 7",
        ),
        (
            {"load": {"kind": "close"}},
            "load.kind must be offline or closed, not 'close' (did you mean closed?)",
        ),
        (
            {"load": "closed"},
            "load must be a mapping with `kind: ...`, not 'closed' (write `{kind: closed}`)",
        ),
        ({"load.concurrency": 3}, "unknown key 'load.concurrency': write `concurrency: ...` below `load:`"),
        ({"load": {"concurrency": 3}}, "load.kind is missing: write `kind: ...` with offline or closed"),
        (
            {"load": {"kind": "closed", "concurrency": 0}},
            "load.concurrency must be a whole number of at least 1, not 0",
        ),
        (
            {"load": {"kind": "closed"}},
            "load.concurrency is missing: write `concurrency: ...` below `load:`, "
            "or pass --set load.concurrency=VALUE.",
        ),
        (
            {"load": {"kind": "offline", "concurrency": 3}},
            "unknown key 'load.concurrency'; known here: kind",
        ),
        (
            {"arrivals": {"rate_per_s": 1, "size": 2}},
            "unknown key 'arrivals.size' (did you mean 'either.size'?)",
        ),
        ({"limit": 0}, "limit must be a whole number of at least 1, auto, or null, not 0"),
        (
            {"limit": "aut"},
            "limit must be a whole number of at least 1, auto, or null, not 'aut' (did you mean auto?)",
        ),
        ({"either": {"size": 0}}, "either.size must be a whole number of at least 1, not 0"),
        (
            {"either": "yes"},
            "either must be true or false, or a mapping of size, every_s, not 'yes' (write true)",
        ),
        ({"name": "A1"}, "name: String should match pattern '^[a-z]+$', not 'A1'"),
        ({"places": {"a": 1.5}}, "places.a must be a whole number, or text, not 1.5"),
        (
            {"places": 1.5},
            "places must be text, a mapping, each value a whole number, or text, or null, not 1.5",
        ),
        ({"steps": [1, "2"]}, "steps[1] must be a whole number, not '2' (without the quotes)"),
        ({"steps": [2, 1]}, "steps: steps go up"),
        ({"limits": {"a": {"size": 0}}}, "limits.a.size must be a whole number of at least 1, not 0"),
    ],
)
def test_a_fault_is_about_the_member_that_fits_best(data: dict[str, Any], sentence: str) -> None:
    (found,) = _sentences(data)
    assert found.removesuffix(" (put it in quotes)") == sentence


def test_faults_of_several_unions_come_together() -> None:
    data = {"arrivals": {"size": 0, "every": 1}, "limit": "x", "load": {"kind": "closed", "concurrency": "3"}}
    assert [sentence.split()[0] for sentence in _sentences(data)] == [
        "arrivals.size",
        "unknown",
        "load.concurrency",
        "limit",
    ]


KEYS = st.sampled_from(
    [
        *ExperimentConfig.model_fields,
        *(
            "kind",
            "concurrency",
            "batch_size",
            "estimate",
            "standin",
            "vllm",
            "meters",
            "n_prompts",
            "token_s",
        ),
        *("device_map", "str", "int", "0", "OfflineLoad", "closed", "dataset", "repeats", "min", "nvml"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.sampled_from([0.5, math.inf, math.nan, "", "closed", "nvml", "auto", "standin", "cpu", "4", "yes"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def _is_accepted(data: dict[str, Any]) -> bool:
    try:
        ExperimentConfig.model_validate(data)
    except ValidationError:
        return False
    return True


@given(st.dictionaries(KEYS, VALUES, max_size=4).map(lambda settings: {"model": "a", **settings}))
@settings(deadline=None, max_examples=150)
def test_the_loader_refuses_exactly_what_the_model_refuses(data: dict[str, Any]) -> None:
    if _is_accepted(data):
        load_config(overrides=data)
    else:
        with pytest.raises(ConfigError):
            load_config(overrides=data)


def test_a_value_is_not_turned_into_another_type() -> None:
    class Typed(Section):
        n: int = 1
        x: float = 1.0
        on: bool = False
        name: NonEmpty = "a"

    for wrong in ({"n": "1"}, {"n": True}, {"n": 1.0}, {"x": "1"}, {"x": True}, {"on": 1}, {"name": 1}):
        with pytest.raises(ValidationError):
            Typed.model_validate(wrong)
    assert Typed.model_validate({"x": 2}).x == 2.0
