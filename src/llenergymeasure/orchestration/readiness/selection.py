"""Which prompts an experiment gets, by the name in its configuration."""

from __future__ import annotations

from itertools import islice

from llenergymeasure import plugins
from llenergymeasure.backends.base import MOST_TRIED
from llenergymeasure.config.models import ExperimentConfig, WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.foreign_code import explained
from llenergymeasure.workloads.base import Workload


def dataset_problem(config: WorkloadConfig) -> str | None:
    """Return why the data set cannot be read, or None.

    Raises:
        LLEMError: it cannot say, with the reason.
    """
    with explained(lambda cause: _fails(config.dataset, "cannot be checked", cause)):
        problem = find_workload(config.dataset).check(config)
        return None if problem is None else str(problem)


def read_prompts(data_set: Workload, config: ExperimentConfig) -> list[Prompt]:
    """Return the prompts of an experiment.

    Raises:
        ConfigError: the data set is missing or malformed, or gives something else than the prompts asked for.
    """
    workload = config.workload
    with explained(lambda cause: _fails(workload.dataset, "gives no prompts", cause)):
        prompts = list(islice(data_set.prompts(workload, config.random_seed), workload.n_prompts + 1))
    strange = [type(each).__name__ for each in prompts if not isinstance(each, Prompt)]
    if strange:
        raise _fails(workload.dataset, "gives no prompts", f"one of them is of type {strange[0]}")
    wrong = next((each.prompt_id for each in prompts if not _is_usable(each)), None)
    if wrong is not None:
        raise _fails(
            workload.dataset, "gives no prompts", f"prompt {wrong} has neither text nor a number of tokens"
        )
    if len(prompts) != workload.n_prompts:
        given = f"{len(prompts)} prompts, not" if len(prompts) < workload.n_prompts else "more prompts than"
        raise _fails(workload.dataset, f"gives {given} {workload.n_prompts}", "workload.n_prompts")
    return prompts


def with_first_prompts(config: ExperimentConfig) -> ExperimentConfig:
    """Return a configuration of as many prompts as are looked at before the model is loaded."""
    n_prompts = min(config.workload.n_prompts, MOST_TRIED)
    return config.model_copy(update={"workload": config.workload.model_copy(update={"n_prompts": n_prompts})})


def _is_usable(prompt: Prompt) -> bool:
    return isinstance(prompt.text, str) or (isinstance(prompt.n_tokens, int) and prompt.n_tokens > 0)


def find_workload(dataset: str) -> Workload:
    """Return the workload of that name; anything that is no name is taken for the path of a JSONL file."""
    _, reads_files = plugins.FILE_WORKLOAD
    is_name = dataset in plugins.names("workloads")
    workload_class: type[Workload] = plugins.find("workloads", dataset if is_name else reads_files)
    with explained(lambda cause: _fails(dataset, "cannot be used", cause)):
        return workload_class()


def _fails(dataset: str, what: str, cause: str) -> ConfigError:
    return ConfigError(
        f"data set '{dataset}' {what}: {cause} → report it to the authors of the data set, or set another one"
    )
