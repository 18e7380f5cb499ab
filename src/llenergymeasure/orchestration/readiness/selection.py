"""Which workload an experiment gets, by the name in its configuration."""

from __future__ import annotations

from llenergymeasure import plugins
from llenergymeasure.workloads.base import Workload


def find_workload(dataset: str) -> Workload:
    """Return the workload of that name; anything that is no name is taken for the path of a JSONL file."""
    _, reads_files = plugins.FILE_WORKLOAD
    is_name = dataset in plugins.names("workloads")
    workload: Workload = plugins.find("workloads", dataset if is_name else reads_files)()
    return workload
