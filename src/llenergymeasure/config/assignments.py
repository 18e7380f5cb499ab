"""`a.b=value` on a command line, as the mapping it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llenergymeasure.config.yaml_text import KeyPath, TextFault, parse_text
from llenergymeasure.exceptions import ConfigError

LONGEST = 100
"""Characters of an assignment that a message shows."""


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the nested mapping that `["a.b=c", ...]` says; later ones win, values are YAML.

    Raises:
        ConfigError: not of the form key=value, or the value is no YAML.
    """
    merged: dict[str, Any] = {}
    for assignment in assignments:
        path, value = parse_assignment(assignment)
        for key in reversed(path):
            value = {key: value}
        merged = deep_merge(merged, value)
    return merged


def parse_assignment(assignment: str) -> tuple[KeyPath, Any]:
    """Return key path and value of one assignment; nothing after the = is null."""
    key, equals, text = assignment.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    shown = assignment if len(assignment) <= LONGEST else f"{assignment[:LONGEST]}..."
    if not equals or not all(path):
        raise ConfigError(f"--set {shown}: write KEY=VALUE, for example --set workload.n_prompts=20")
    try:
        return path, parse_text(text).value
    except TextFault as fault:
        raise ConfigError(f"--set {shown}: {fault.sentence}") from None


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the entries of `over` laid over it; where both hold mappings, they are merged in turn."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = deep_merge(below, value) if both else value  # type: ignore[arg-type]
    return merged
