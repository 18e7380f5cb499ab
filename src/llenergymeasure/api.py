"""The Python interface: run an experiment, check a configuration, read a result, verify a bundle."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure import exceptions
from llenergymeasure.exceptions import ExperimentError, LLEMError

if TYPE_CHECKING:
    from llenergymeasure.config.models import ExperimentConfig
    from llenergymeasure.domain.experiment import ExperimentResult
    from llenergymeasure.domain.progress import RunEvent
    from llenergymeasure.domain.verification import VerificationReport

OnEvent = Callable[["RunEvent"], None]


def run_experiment(
    config: ExperimentConfig | Mapping[str, Any] | str | Path, *, on_event: OnEvent | None = None
) -> ExperimentResult:
    """Measure one configuration in a fresh process and return the result.

    `config` is an `ExperimentConfig`, a mapping of its fields, or the path of a YAML file. The bundle lies under its
    `output_dir`; `on_event` hears of phases and progress.

    Raises:
        ConfigError: the configuration cannot be used as written.
        PreFlightError: the machine is not ready; the text lists every problem.
        LLEMError: the run failed; the class says where.
    """
    return load_result(run_to_bundle(_resolve(config), on_event))


def run_to_bundle(config: ExperimentConfig, on_event: OnEvent | None = None) -> Path:
    """As `run_experiment`, but return the folder of the bundle."""
    from llenergymeasure import plugins
    from llenergymeasure.launchers.base import JOB
    from llenergymeasure.results.bundle import discard_partial
    from llenergymeasure.results.layout import SINGLE

    launcher = plugins.find("launchers", "local")()
    with tempfile.TemporaryDirectory(prefix="llem-job-") as folder:
        job = Path(folder)
        (job / JOB).write_text(json.dumps({"config": config.model_dump(mode="json")}), encoding="utf-8")
        last: RunEvent = launcher.launch(job, on_event or (lambda _event: None))
    discard_partial(Path(config.output_dir) / SINGLE)
    if last.kind == "done" and last.bundle:
        return Path(last.bundle)
    raise _error_named(last.error)(last.message or "the worker failed without a word")


def check(config: ExperimentConfig) -> None:
    """Look whether this machine is ready for the experiment; nothing is loaded or run.

    Raises:
        PreFlightError: it is not; the text lists every problem.
    """
    from llenergymeasure.orchestration.preflight import run_preflight

    run_preflight(config)


def load_result(path: str | Path) -> ExperimentResult:
    """Read the result of a bundle folder, or of its result.json.

    Raises:
        ExperimentError: there is none, or it cannot be read.
    """
    from llenergymeasure.results import bundle

    return bundle.load_result(Path(path))


def verify(*paths: str | Path) -> VerificationReport:
    """Check bundles, and the bundles within folders: sums, schema, and every figure recomputed from the raw tables.

    What differs or cannot be read is a finding of the report, never an exception; `report.ok` sums it up.
    """
    from llenergymeasure.orchestration.verification.verify import verify_paths

    return verify_paths(*(Path(path) for path in paths))


def _resolve(config: ExperimentConfig | Mapping[str, Any] | str | Path) -> ExperimentConfig:
    from llenergymeasure.config.loader import load_config
    from llenergymeasure.config.models import ExperimentConfig

    if isinstance(config, ExperimentConfig):
        return config
    if isinstance(config, Mapping):
        return load_config(overrides=config)
    return load_config(Path(config))


def _error_named(name: str | None) -> type[LLEMError]:
    found = getattr(exceptions, name or "", None)
    if isinstance(found, type) and issubclass(found, LLEMError):
        return found
    return ExperimentError
