"""Whether an experiment can start: pre-flight and every further check, in one answer."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.exceptions import PreFlightError
from llenergymeasure.orchestration import preflight
from llenergymeasure.orchestration.readiness.checks import (
    check_backend_options,
    check_dataset,
    check_meters,
    check_model_folder,
    check_model_id,
    check_no_secrets,
    check_prompts,
    check_results_writable,
    models_beside,
    reads_model_folders,
)
from llenergymeasure.orchestration.readiness.hub_model import check_hub_model
from llenergymeasure.orchestration.readiness.load_checks import check_answer_limits, check_trace


def require_ready(config: ExperimentConfig) -> None:
    """Check everything that can be known before the model is loaded.

    Raises:
        PreFlightError: with every problem that was found.
    """
    first, misnamed = _preflight_failures(config), check_model_id(config)
    if misnamed:  # that the Hub has no such model is the same fault
        first = [each for each in first if not each.startswith(config.model)]
    of_model = [
        *first,
        *(misnamed or _hub_failures(config, first)),
        *check_model_folder(config),
        *_other_model_failures(config),
        *check_dataset(config),
        *check_trace(config),
        *check_answer_limits(config),
        *_backend_failures(config),
    ]
    failures = [
        *of_model,
        *check_meters(config),
        *check_results_writable(config),
        *check_no_secrets(config),
        *([] if of_model else check_prompts(config)),
    ]
    if failures:
        raise PreFlightError.listing(failures)


def _preflight_failures(config: ExperimentConfig) -> Sequence[str]:
    try:
        preflight.run_preflight(config)
    except PreFlightError as error:
        return error.failures
    return ()


def _hub_failures(config: ExperimentConfig, known: Sequence[str]) -> Sequence[str]:
    """A model that pre-flight has refused is not asked for again."""
    if not reads_model_folders(config.backend) or any(each.startswith(config.model) for each in known):
        return ()
    return check_hub_model(config)


def _other_model_failures(config: ExperimentConfig) -> Sequence[str]:
    """What a backend loads beside the model is looked for, and looked into, as the model is."""
    return [
        f"{setting}: {failure}".replace("`model`", f"`{setting}`")
        for setting, other in models_beside(config).items()
        for failure in _failures_of_model(other)
    ]


def _failures_of_model(config: ExperimentConfig) -> Sequence[str]:
    misnamed = check_model_id(config)
    if misnamed:
        return misnamed
    absent = preflight.model_failure(config.model)
    return [absent] if absent else [*check_hub_model(config), *check_model_folder(config)]


def _backend_failures(config: ExperimentConfig) -> Sequence[str]:
    """A backend that is not installed is a failure of pre-flight, and cannot be asked."""
    return check_backend_options(config) if preflight.is_installed(config.backend) else ()
