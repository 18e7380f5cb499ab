"""What would stop a load: a trace that cannot be read, and answers whose lengths the backend does not limit."""

from __future__ import annotations

from llenergymeasure import plugins
from llenergymeasure.config.load import ReplayLoad
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.exceptions import ConfigError, LLEMError
from llenergymeasure.orchestration.readiness.selection import (
    dataset_problem,
    find_workload,
    read_prompts,
    with_first_prompts,
)
from llenergymeasure.workloads.traces.read import read_trace_file


def check_trace(config: ExperimentConfig) -> list[str]:
    """Look whether the trace of a replay can be read, and has as many requests as a pass."""
    load = config.load
    if not isinstance(load, ReplayLoad):
        return []
    try:
        read_trace_file(load.file, load.format, most=config.workload.n_prompts)
    except ConfigError as error:
        return [str(error)]
    return []


def check_answer_limits(config: ExperimentConfig) -> list[str]:
    """Look whether the backend can limit each answer by itself, where the data set asks for it."""
    try:
        if "limits_each_answer" in plugins.declaration("backends", config.backend).capabilities:
            return []
        if config.workload.dataset not in plugins.names("workloads") or dataset_problem(config.workload):
            return []
        prompts = read_prompts(find_workload(config.workload.dataset), with_first_prompts(config))
    except LLEMError:
        return []  # told by the checks of the backend and of the data set
    if all(each.max_output_tokens is None for each in prompts):
        return []
    return [
        f"the data set '{config.workload.dataset}' limits each answer by itself, and backend '{config.backend}' has "
        "one limit for all: remove workload.output_lengths, or set another data set or backend"
    ]
