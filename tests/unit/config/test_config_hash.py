"""The hash of a configuration names what is measured, whatever fields later versions add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from llenergymeasure import plugins
from llenergymeasure.config.base import NOT_MEASURED, Section
from llenergymeasure.config.defaults import CONFIG_VERSION, DEFAULTS, complete
from llenergymeasure.config.models import ExperimentConfig, WorkloadConfig

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"backend": "pytorch", "pytorch": {"batch_size": 4}},
    {"precision": "fp32", "workload": {"n_prompts": 7}, "energy": {"meters": ["nvml", "rapl"]}},
)


class _WorkloadOfTomorrow(WorkloadConfig):
    shuffle: bool = False


class _OfflineLoad(Section):
    kind: Literal["offline"] = "offline"


class _ClosedLoad(Section):
    kind: Literal["closed"] = "closed"
    concurrency: int = 1


class _Speculation(Section):
    tokens: int = 4


class _ConfigOfTomorrow(ExperimentConfig):
    workload: WorkloadConfig = _WorkloadOfTomorrow()
    load: _OfflineLoad | _ClosedLoad = _OfflineLoad()
    speculation: _Speculation | None = None
    colour: Annotated[str, NOT_MEASURED] = "blue"


def _hash(**settings: Any) -> str:
    return ExperimentConfig(model="m", **settings).config_hash


def _hash_of_tomorrow(**settings: Any) -> str:
    return _ConfigOfTomorrow(model="m", **settings).config_hash


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_new_field_with_a_default_changes_no_hash(settings: dict[str, Any]) -> None:
    tomorrow = dict(settings)
    tomorrow["workload"] = _WorkloadOfTomorrow(**settings.get("workload", {}))
    assert _hash_of_tomorrow(**tomorrow) == _hash(**settings)


def test_a_new_field_changes_the_hash_of_those_who_use_it() -> None:
    hashes = {
        _hash_of_tomorrow(),
        _hash_of_tomorrow(workload=_WorkloadOfTomorrow(shuffle=True)),
        _hash_of_tomorrow(load=_ClosedLoad()),
        _hash_of_tomorrow(load=_ClosedLoad(concurrency=8)),
        _hash_of_tomorrow(speculation=_Speculation()),
        _hash_of_tomorrow(speculation=_Speculation(tokens=8)),
    }
    assert len(hashes) == 6


def test_fields_that_are_marked_do_not_affect_the_hash() -> None:
    assert _hash_of_tomorrow(colour="red") == _hash_of_tomorrow()
    assert _hash(output_dir="elsewhere", measurement={"strict": True, "require_quiet": True}) == _hash()
    assert _hash(config_version=CONFIG_VERSION) == _hash()


def test_an_empty_section_of_the_backend_is_the_same_as_none() -> None:
    assert _hash(pytorch={}) == _hash(pytorch={"batch_size": 1}) == _hash()


def test_the_hash_is_stable_between_releases() -> None:
    """Published results are found by it: a change of these values would orphan them."""
    assert [_hash(**settings) for settings in SETTINGS] == [
        "deea0f7771b9f0a5",
        "15d44b56cd8f5f33",
        "c9f5663dec6129be",
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"backend": "vllm"},
        {"device": "cpu"},
        {"precision": "fp32"},
        {"revision": "main"},
        {"random_seed": 1},
        {"decoder": {"ignore_eos": True}},
        {"measurement": {"repeats": {"max": 11}}},
        {"energy": {"estimate": {"cpu_max_power_w": 30.0}}},
        {"passthrough_kwargs": {"a": 1}},
        {"pytorch": {"use_cache": False}},
    ],
)
def test_a_measured_field_changes_the_hash(other: dict[str, Any]) -> None:
    assert _hash(**other) != _hash()


def test_the_defaults_of_this_version_are_stored() -> None:
    """A changed default needs a new CONFIG_VERSION with a table of its own; a new field adds a line to the table."""
    assert max(DEFAULTS) == CONFIG_VERSION
    stored = {field: default for table in sorted(DEFAULTS) for field, default in DEFAULTS[table].items()}
    assert {**dict(_defaults(ExperimentConfig)), **dict(_defaults_of_plugins())} == stored


TABLES = {1: {"a": 1, "s.b": 2, "s.c": 3}, 2: {"a": 1, "s.b": 20, "s.c": 3, "s.new": 4}}


def test_a_stated_version_keeps_its_defaults_when_a_later_one_changes_them() -> None:
    assert complete({"config_version": 1}, TABLES) == {"config_version": 1, "s": {"b": 2}}
    assert complete({"config_version": 1, "s": {"c": 9}}, TABLES)["s"] == {"c": 9, "b": 2}
    assert complete({"config_version": 1, "s": {"b": 5}}, TABLES)["s"] == {"b": 5}
    assert complete({"config_version": 2}, TABLES) == {"config_version": 2}


def test_settings_without_a_version_have_the_latest_defaults() -> None:
    assert complete({"s": {"c": 9}}, TABLES) == {"s": {"c": 9}}


def test_a_version_of_a_newer_release_is_refused() -> None:
    with pytest.raises(ValueError, match="update llenergymeasure"):
        ExperimentConfig(model="m", config_version=CONFIG_VERSION + 1)


def _defaults_of_plugins() -> Iterator[tuple[str, Any]]:
    places: dict[plugins.Kind, str] = {"backends": "{}.", "meters": "energy.{}.", "launchers": "launcher."}
    places["workloads"] = "workload."
    for kind, place in places.items():
        for plugin in plugins.BUILTIN[kind].values():
            if plugin.options is not None and ".testing." not in plugin.options:
                yield from _defaults(plugin.options_model(), place.format(plugin.name))


def _defaults(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if not (field.is_required() or isinstance(default, BaseModel) or name == "config_version"):
            yield path + name, to_jsonable_python(default)
        for section in _sections(field.annotation):
            yield from _defaults(section, f"{path}{name}.")


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
