"""What is written of a run: its bundle, or what could be kept of one that did not end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from llenergymeasure.config.loader import dump_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.processes.stop_signals import stop_signals_ignored
from llenergymeasure.domain.job import Job
from llenergymeasure.exceptions import ExperimentError, InterruptedExperimentError, LLEMError
from llenergymeasure.foreign_code import described, internal_error, limit_reached, text_of
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.orchestration.assemble import Assembled
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.orchestration.server_log import server_log
from llenergymeasure.results import layout
from llenergymeasure.results.bundle import Writer, facts_json, result_json, write_bundle
from llenergymeasure.results.parquet.attribution import write_attribution
from llenergymeasure.results.parquet.requests import write_requests
from llenergymeasure.results.parquet.schedule import write_schedule
from llenergymeasure.results.parquet.steps import write_steps
from llenergymeasure.results.parquet.trace_phases import write_phases, write_trace

logger = logging.getLogger(__name__)


def derived_files(assembled: Assembled) -> dict[str, Writer]:
    """Return the files that follow from the raw tables."""
    files: dict[str, Writer] = {layout.RESULT: partial(_write_text, text=result_json(assembled.result))}
    if assembled.attribution is not None:
        files[layout.ATTRIBUTION] = partial(write_attribution, assembled.attribution)
    return files


def raw_run(log: Recorder) -> RawRun:
    """Return what a run has recorded."""
    steps = log.steps.table()
    schedule = log.schedule.table()
    log.note(
        paces=log.metering.paces,
        steps=None if steps is None else len(steps),
        scheduled=None if schedule is None else len(schedule),
    )
    return RawRun(
        facts=log.facts,
        trace=log.metering.trace(),
        phases=tuple(log.phases),
        requests=log.requests.table(),
        steps=steps,
        schedule=schedule,
    )


def failed(job: Job, config: ExperimentConfig, log: Recorder, error: Exception) -> LLEMError:
    """Return the error of a run that failed, with what was measured until then, which is written."""
    failure = error if isinstance(error, LLEMError) else _explained(error)
    if log.requests:
        with stop_signals_ignored():
            failure.bundle = _kept_of_failed(job, config, log, f"{type(error).__name__}: {text_of(error)}")
    return failure


def _explained(error: Exception) -> LLEMError:
    limit = limit_reached(error)
    return LLEMError(internal_error(error)) if limit is None else ExperimentError(limit)


def _kept_of_failed(job: Job, config: ExperimentConfig, log: Recorder, reason: str) -> Path | None:
    """Write what was measured; where that fails too, the first error is the one to report."""
    try:
        kept = _keep(job, config, log, reason)
        logger.warning("the run failed; what was measured until then is in %s", kept)
        return kept
    except LLEMError as error:
        logger.warning("the run failed, and what was measured until then could not be kept there: %s", error)
        return error.bundle
    except Exception as error:  # noqa: BLE001 - a further defect
        logger.warning(
            "the run failed, and what was measured until then could not be kept: %s", described(error)
        )
        return None


def _keep(job: Job, config: ExperimentConfig, log: Recorder, reason: str) -> Path:
    """Write what was measured of a run that did not end, and return where."""
    log.note(interrupted=reason)
    return write(job, config, raw_run(log), suffix=layout.INTERRUPTED, more=server_log(log.spool))


def interrupted(job: Job, config: ExperimentConfig, log: Recorder) -> InterruptedExperimentError:
    """Return the error of a run that was stopped, with what was measured until then, which is written."""
    try:
        kept = _keep(job, config, log, "a signal: the user or the system stopped the run")
    except ExperimentError as error:  # another folder has it, or none
        return InterruptedExperimentError(f"interrupted; {error}", error.bundle)
    return InterruptedExperimentError(f"interrupted; what was measured until then is in {kept}", kept)


def write(
    job: Job,
    config: ExperimentConfig,
    raw: RawRun,
    *,
    suffix: str = "",
    more: Mapping[str, Writer] | None = None,
) -> Path:
    """Write the bundle of a run and return where it lies.

    Raises:
        ExperimentError: it could not be written there; with where it was kept.
    """
    files: dict[str, Writer] = {
        layout.CONFIG: partial(_write_text, text=dump_config(config)),
        layout.FACTS: partial(_write_text, text=facts_json(raw.facts)),
        layout.TRACE: partial(write_trace, raw.trace),
        layout.REQUESTS: partial(write_requests, raw.requests),
        layout.PHASES: partial(write_phases, raw.phases),
        **({} if raw.steps is None else {layout.STEPS: partial(write_steps, raw.steps)}),
        **({} if raw.schedule is None else {layout.SCHEDULE: partial(write_schedule, raw.schedule)}),
        **(more or {}),
    }
    return write_bundle(Path(job.bundles), job.experiment_id + suffix, files)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
