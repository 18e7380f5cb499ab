"""Measure what it costs to run large language models: energy, time, memory and FLOPs of inference."""

from __future__ import annotations

__version__: str = "2.0.0"

# As in typing, whose import would take most of the time that importing this package takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llenergymeasure.api import load_result, open_bundle, run_experiment
    from llenergymeasure.config.models import ExperimentConfig
    from llenergymeasure.domain.estimate import Estimate
    from llenergymeasure.domain.experiment import ExperimentResult

_LAZY = {
    "run_experiment": "llenergymeasure.api",
    "load_result": "llenergymeasure.api",
    "open_bundle": "llenergymeasure.api",
    "ExperimentConfig": "llenergymeasure.config.models",
    "Estimate": "llenergymeasure.domain.estimate",
    "ExperimentResult": "llenergymeasure.domain.experiment",
}

__all__ = [
    "Estimate",
    "ExperimentConfig",
    "ExperimentResult",
    "__version__",
    "load_result",
    "open_bundle",
    "run_experiment",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that importing the package stays cheap."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
