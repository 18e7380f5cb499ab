"""What else would stop an experiment: each check returns its failures, one sentence each, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, cast

from llenergymeasure import plugins
from llenergymeasure.backends.base import Backend, checks_prompts, other_models
from llenergymeasure.backends.prefix_cache import never_keeps_prefixes, no_prefixes
from llenergymeasure.backends.returned import models_problem, texts_problem
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.redact import free_settings
from llenergymeasure.core.packages import broken_entry_points
from llenergymeasure.core.secrets import is_secret_name, mask_secrets
from llenergymeasure.domain.model.files.located import local_files
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.exceptions import BackendError, LLEMError
from llenergymeasure.foreign_code import explained
from llenergymeasure.load.drivers import load_problem
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.selection import meter_problems
from llenergymeasure.orchestration.readiness.folders import ELSEWHERE, output_problem
from llenergymeasure.orchestration.readiness.model_id import model_id_problem
from llenergymeasure.orchestration.readiness.room import room_problem
from llenergymeasure.orchestration.readiness.selection import (
    dataset_problem,
    find_workload,
    read_prompts,
    with_first_prompts,
)
from llenergymeasure.plugins import Plugin


def check_model_id(config: ExperimentConfig) -> list[str]:
    """Look whether a name that is no folder could be one on the Hub; no network is used."""
    problem = model_id_problem(parse_model_ref(config.model))
    return [problem] if problem and reads_model_folders(config.backend) else []


def check_model_folder(config: ExperimentConfig) -> list[str]:
    """Look whether a model's files hold what the backend will read; that they exist is looked at elsewhere."""
    given = config.passthrough_kwargs or {}
    if "gguf_file" in given or not reads_model_folders(config.backend):
        return []
    files = local_files(parse_model_ref(config.model), config.revision, str(given.get("subfolder", "")))
    problem = None if files is None else files.problem(random_weights=config.weights == "random")
    return [problem] if problem else []


def models_beside(config: ExperimentConfig) -> Mapping[str, ExperimentConfig]:
    """Return what the backend loads beside the model, by the setting that names it; nothing where it cannot say."""
    try:
        with explained(partial(_check_fails, config.backend)):
            return _models(other_models(plugins.find("backends", config.backend)(), config))
    except LLEMError:
        return {}  # said by the check of its options


def check_dataset(config: ExperimentConfig) -> list[str]:
    """Look whether the prompts can be read."""
    try:
        problem = dataset_problem(config.workload)
    except LLEMError as error:
        return [str(error)]
    return [problem] if problem else []


def check_prompts(config: ExperimentConfig) -> list[str]:
    """Try the prompts on the model's tokenizer, where the backend can; all other checks of both have passed."""
    try:
        backend_class = plugins.find("backends", config.backend)
        with explained(partial(_check_fails, config.backend)):
            backend = backend_class()
            if not checks_prompts(backend):
                return []
            prompts = read_prompts(find_workload(config.workload.dataset), with_first_prompts(config))
            return _texts(backend.check_prompts(config, prompts))
    except LLEMError as error:
        return [str(error)]


def check_meters(config: ExperimentConfig) -> list[str]:
    """Look whether the meters that were asked for can be read."""
    return meter_problems(config.energy, MeterOptions(energy=config.energy))


def check_results_writable(config: ExperimentConfig) -> list[str]:
    """Look whether the output folder can be written, and whether its disk has room for the samples and the bundle."""
    problem = output_problem(config.output_dir)
    if problem is not None:
        return [problem]
    problem = room_problem(config.output_dir, config)
    return [f"{problem} → free some, or {ELSEWHERE}"] if problem else []


def check_no_secrets(config: ExperimentConfig) -> list[str]:
    """Refuse tokens in free-form settings: these are written into the bundle, which people publish."""
    return [
        f"{key} looks like a secret and would be written into the bundle → remove it and set it in the "
        "environment (export HF_TOKEN=<your_token>)"
        for key, value in _leaves(free_settings(config))
        if is_secret_name(key) or mask_secrets(value) != value
    ]


def check_backend_options(config: ExperimentConfig) -> list[str]:
    """Ask the backend what it cannot do as configured; one that is not installed is not asked.

    A check that crashes is a failure: what it would have refused is unknown.
    """
    if not plugins.is_implemented("backends", config.backend):
        return [plugins.unimplemented(config.backend)]
    try:
        plugin = plugins.declaration("backends", config.backend)
        missing = plugin.missing_modules()
        if missing:
            return _partly_installed(config, plugin, missing)
        backend: type[Backend] = plugin.load()
        with explained(partial(_check_fails, config.backend)):
            problems = [load_problem(config.load, backend), _cache_problem(config)]
            _models(other_models(backend(), config))
            return [*(each for each in problems if each), *_texts(backend().check(config))]
    except LLEMError as error:
        return [str(error)]


def _cache_problem(config: ExperimentConfig) -> str | None:
    is_refused = config.cache == "warm" and never_keeps_prefixes(config.backend)
    return no_prefixes(config.backend) if is_refused else None


def _texts(returned: object) -> list[str]:
    problem = texts_problem(returned)
    if problem is not None:
        raise TypeError(problem)
    return list(cast("list[str]", returned))


def _models(returned: object) -> Mapping[str, ExperimentConfig]:
    problem = models_problem(returned)
    if problem is not None:
        raise TypeError(problem)
    return cast("Mapping[str, ExperimentConfig]", returned)


def _check_fails(backend: str, cause: str) -> BackendError:
    """Where a package of others is broken, it is what ended the import of the backend's software."""
    remedy = "report it to the authors of the backend, or set another backend"
    broken = broken_entry_points()
    return BackendError(
        f"backend '{backend}' failed while checking the configuration: {cause}"
        + (f"; {broken[0]}" if broken else f" → {remedy}")
    )


def _partly_installed(config: ExperimentConfig, plugin: Plugin, missing: list[str]) -> list[str]:
    """A missing torch is already reported with device: cuda, and so is a backend of which nothing is installed."""
    if config.device == "cuda" or len(missing) == len(plugin.requires):
        return []
    return [f"{config.backend} is incomplete: {', '.join(missing)} not installed → {plugin.install}"]


def reads_model_folders(backend: str) -> bool:
    """Whether a backend reads models as `save_pretrained` writes them, from a folder or from the Hub."""
    return plugins.can("backends", backend, "reads_model_folders")


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in nested settings with its dotted key; those of a list with the key of the list."""
    for key, value in settings.items():
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(each, Mapping):
                yield from _leaves(each, f"{prefix}{key}.")
            elif isinstance(each, str) and each:
                yield f"{prefix}{key}", each
