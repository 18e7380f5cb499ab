"""Where backends, meters, launchers and workloads are found by name: one literal table, then entry points."""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from llenergymeasure.exceptions import ConfigError

Kind = Literal["backends", "meters", "launchers", "workloads"]

BUILTIN: dict[Kind, dict[str, str]] = {
    "backends": {
        "pytorch": "llenergymeasure.backends.pytorch.backend:PyTorchBackend",
    },
    "meters": {
        "nvml": "llenergymeasure.meters.nvml.meter:NvmlMeter",
        "rapl": "llenergymeasure.meters.rapl.meter:RaplMeter",
        "estimate": "llenergymeasure.meters.estimate.meter:EstimateMeter",
        "zeus": "llenergymeasure.meters.zeus.meter:ZeusMeter",
        "codecarbon": "llenergymeasure.meters.codecarbon.meter:CodeCarbonMeter",
    },
    "launchers": {
        "local": "llenergymeasure.launchers.local:LocalLauncher",
    },
    "workloads": {
        "builtin": "llenergymeasure.workloads.builtin:BuiltinWorkload",
        "synthetic": "llenergymeasure.workloads.synthetic:SyntheticWorkload",
        "jsonl": "llenergymeasure.workloads.jsonl:JsonlWorkload",
    },
}


def names(kind: Kind) -> list[str]:
    """Return the names of all plugins of a kind, built-ins first."""
    return [
        *BUILTIN[kind],
        *sorted(point.name for point in _entry_points(kind) if point.name not in BUILTIN[kind]),
    ]


def find(kind: Kind, name: str) -> Any:
    """Return the class of a plugin.

    Raises:
        ConfigError: no plugin of that name, with those there are.
    """
    target = BUILTIN[kind].get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)
    for point in _entry_points(kind):
        if point.name == name:
            return point.load()
    raise ConfigError(unknown(kind, name))


def unknown(kind: Kind, name: str) -> str:
    """Return the sentence for a name that nothing answers to, with the nearest one that does."""
    known = names(kind)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown {kind[:-1]} '{name}'; installed: {', '.join(known)}{hint}"


def _entry_points(kind: Kind) -> list[EntryPoint]:
    return list(entry_points(group=f"llenergymeasure.{kind}"))
