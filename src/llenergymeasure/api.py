"""The Python interface: run an experiment, check a configuration, read a result, verify a bundle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.exceptions import (
    ConfigError,
    ExperimentError,
    InvalidResultError,
    LLEMError,
    error_named,
)

if TYPE_CHECKING:
    from llenergymeasure.config.models import ExperimentConfig
    from llenergymeasure.domain.experiment import ExperimentResult
    from llenergymeasure.domain.job import Outcome
    from llenergymeasure.domain.progress import RunEvent
    from llenergymeasure.domain.reports.comparison import Comparison
    from llenergymeasure.domain.reports.diagnosis import Diagnosis
    from llenergymeasure.domain.reports.verification import VerificationReport
    from llenergymeasure.launchers.base import Running
    from llenergymeasure.launchers.guarded import GuardedLauncher
    from llenergymeasure.results.opening import Bundle

logger = logging.getLogger(__name__)

KEPT = "Samples and log of the run were kept in"
OnEvent = Callable[["RunEvent"], None]


def run_experiment(
    config: ExperimentConfig | Mapping[str, Any] | str | Path, *, on_event: OnEvent | None = None
) -> ExperimentResult:
    """Measure one configuration in a fresh process and return the result.

    `config` is an `ExperimentConfig`, a mapping of its fields, or the path of a YAML file. The bundle lies under its
    `output_dir`: `bundle` of the result, and of the event `done`, is its folder. `on_event` hears of phases and
    progress; what it raises stops the run in order, which keeps what was measured, and comes through.

    Raises:
        ConfigError: the configuration cannot be used as written.
        PreFlightError: the machine is not ready; the text lists every problem.
        InvalidResultError: `measurement.strict` is set and the verdict is invalid; the text names the bundle.
        LLEMError: the run failed; the class says where.
    """
    resolved = _resolve(config)
    bundle = run_to_bundle(resolved, on_event)
    refuse_invalid(resolved, bundle)
    return load_result(bundle)


def run_to_bundle(config: ExperimentConfig, on_event: OnEvent | None = None) -> Path:
    """As `run_experiment`, but return the folder of the bundle."""
    from llenergymeasure.core.processes.stop_signals import default_signals_interrupt
    from llenergymeasure.launchers.guarded import GuardedLauncher

    launcher = GuardedLauncher(config.launcher)
    with default_signals_interrupt():
        folder, running = _submit(launcher, config)
        try:
            _follow(running, on_event or (lambda _event: None))
        except BaseException:  # of `on_event`, or of the launcher
            outcome, left = _finish(running, folder, config)
            if outcome.bundle or left:
                logger.warning("the run was stopped; what was measured is in %s", outcome.bundle or left)
            raise
        outcome, left = _finish(running, folder, config)
    if outcome.status == "done" and outcome.bundle:
        return Path(outcome.bundle)
    where = "" if left is None else f"\n{KEPT} {left}"
    failure = error_named(outcome.error)((outcome.message or "the worker failed without a message") + where)
    failure.bundle = None if outcome.bundle is None else Path(outcome.bundle)
    raise failure


def refuse_invalid(config: ExperimentConfig, bundle: Path) -> None:
    """Do nothing unless the configuration says `measurement.strict`.

    Raises:
        InvalidResultError: it does, and the verdict on the result in the bundle is invalid.
    """
    if not config.measurement.strict:
        return
    result = load_result(bundle)
    if result.verdict == "invalid":
        codes = ", ".join(dict.fromkeys(each.code for each in result.warnings if each.severity == "invalid"))
        raise InvalidResultError(f"the result is invalid ({codes}); it is kept in {bundle}")


def check(config: ExperimentConfig | Mapping[str, Any] | str | Path) -> None:
    """Look whether the interpreter and the machine are ready for the experiment; nothing is loaded or run.

    `config` is given as to `run_experiment`.

    Raises:
        ConfigError: the configuration cannot be used as written.
        PreFlightError: they are not; the text lists every problem.
    """
    from llenergymeasure.orchestration.elsewhere import preflight_in
    from llenergymeasure.orchestration.readiness.ready import require_ready

    resolved = _resolve(config)
    python = resolved.launcher.python
    if python is None:
        require_ready(resolved)
    else:
        preflight_in(python, resolved)


def diagnose(output_dir: str | Path = "results", *, python: str | None = None) -> Diagnosis:
    """Look what this machine can measure: meters, GPUs, backends, disk; with `python`, as seen by that interpreter.

    Raises:
        PreFlightError: the interpreter cannot be used.
    """
    from llenergymeasure.orchestration import diagnosis
    from llenergymeasure.orchestration.elsewhere import diagnose_in

    if python is None:
        return diagnosis.diagnose(Path(output_dir))
    return diagnose_in(python, Path(output_dir))


def load_result(path: str | Path) -> ExperimentResult:
    """Read the result of a bundle folder, or of its result.json.

    Raises:
        ExperimentError: there is none, or it cannot be read.
    """
    return open_bundle(path).result


def open_bundle(path: str | Path) -> Bundle:
    """Open a bundle by its folder or one of its files: figures, facts, configuration, raw tables, each when used.

    Raises:
        ExperimentError: there is no bundle.
    """
    from llenergymeasure.results import opening

    return opening.open_bundle(path)


def compare(*results: ExperimentResult) -> Comparison:
    """Return where results differ in what was asked for and how it was served, and what some of them do not say.

    Those differences come first that bend the comparison: their `bends` is true.
    """
    from llenergymeasure.metrics.comparison.differences import compare as compare_results

    return compare_results(results, [str(each.bundle or each.experiment_id) for each in results])


def verify(*paths: str | Path) -> VerificationReport:
    """Check bundles, and the bundles within folders: sums, schema, and every figure recomputed from the raw tables.

    What differs or cannot be read is a finding of the report, never an exception; `report.ok` sums it up.
    """
    from llenergymeasure.orchestration.verification.verify import verify_paths

    return verify_paths(*paths)


def _submit(launcher: GuardedLauncher, config: ExperimentConfig) -> tuple[Path, Running]:
    from llenergymeasure.core.processes.stop_signals import stop_signals_blocked
    from llenergymeasure.orchestration.jobs import discard_job

    folder: Path | None = None
    try:
        with stop_signals_blocked():
            folder = _prepare_job(config)
        return folder, launcher.submit(folder)
    except BaseException:
        if folder is not None:
            discard_job(folder)
        raise


def _prepare_job(config: ExperimentConfig) -> Path:
    from llenergymeasure.orchestration.jobs import prepare_job

    try:
        return prepare_job(config)
    except OSError as error:
        check(config)  # says what is wrong with the folder, and all else that is wrong
        reason = error.strerror or error
        raise ExperimentError(
            f"no job can be written to {config.output_dir}: {reason} → name another folder with --output"
        ) from None


def _follow(running: Running, on_event: OnEvent) -> None:
    """Hand on the events of a run until it ends; each interrupt of the caller is passed on to it."""
    interrupted = False
    while True:
        try:
            if interrupted:
                interrupted = False
                running.interrupt()
            for event in running.events():
                on_event(event)
            running.wait()
            return
        except KeyboardInterrupt:  # noqa: PERF203 - an interrupt may come at any event
            interrupted = True
        except BaseException:
            _stop(running)
            raise


def _stop(running: Running) -> None:
    """Stop a run in order, so that what was measured is kept; at once where the caller is interrupted meanwhile."""
    while True:
        try:
            with suppress(LLEMError):  # the first error is the one to report
                running.interrupt()
                running.wait()
            return
        except KeyboardInterrupt:  # noqa: PERF203 - an interrupt may come at any moment
            continue


def _finish(running: Running, folder: Path, config: ExperimentConfig) -> tuple[Outcome, Path | None]:
    """Wait for the end of a job and clear away what is not needed any more; return its folder where it is needed."""
    from llenergymeasure.core.processes.stop_signals import stop_signals_blocked
    from llenergymeasure.orchestration.jobs import discard_abandoned, finish_job
    from llenergymeasure.results.layout import SINGLE
    from llenergymeasure.results.staging import discard_partial

    outcome = _wait(running, folder)
    with stop_signals_blocked():
        discard_partial(Path(config.output_dir) / SINGLE)
        discard_abandoned(Path(config.output_dir) / SINGLE)
        return outcome, finish_job(folder, outcome)


def _wait(running: Running, folder: Path) -> Outcome:
    """Return how a job ended; where its launcher cannot say, its folder stays, for the worker may still write there."""
    try:
        return running.wait()
    except LLEMError as error:
        raise type(error)(f"{error}\nThe folder of the job was kept: {folder}") from None


def _resolve(config: ExperimentConfig | Mapping[str, Any] | str | Path) -> ExperimentConfig:
    from llenergymeasure.config.loader import load_config
    from llenergymeasure.config.models import ExperimentConfig

    if isinstance(config, ExperimentConfig):
        return config
    if isinstance(config, Mapping):
        return load_config(overrides=config)
    if not str(config):
        raise ConfigError("the path of the configuration is empty, perhaps because a variable was not set")
    return load_config(Path(config))
