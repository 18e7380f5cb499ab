"""Which workload an experiment gets, by the name in its configuration."""

from __future__ import annotations

import difflib
from pathlib import Path

from llenergymeasure import plugins
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.workloads.base import Workload

FILE_WORKLOAD = "jsonl"


def find_workload(dataset: str) -> Workload:
    """Return the workload of that name; anything that is no name is taken for the path of a JSONL file.

    Raises:
        ConfigError: neither a name nor a file, but close to a name.
    """
    registered = [name for name in plugins.names("workloads") if name != FILE_WORKLOAD]
    if dataset in registered:
        return _new_workload(dataset)
    if _looks_like_a_name(dataset) and difflib.get_close_matches(dataset, registered, n=1):
        raise ConfigError(f"workload.dataset: {plugins.unknown('workloads', dataset)}")
    return _new_workload(FILE_WORKLOAD)


def _new_workload(name: str) -> Workload:
    workload: Workload = plugins.find("workloads", name)()
    return workload


def _looks_like_a_name(dataset: str) -> bool:
    path = Path(dataset)
    return path.name == dataset and not path.suffix and not path.exists()
