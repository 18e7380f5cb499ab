"""The folder of a job: made before an experiment is submitted, removed when nothing in it is needed any more."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.processes.identity import is_gone, this_process
from llenergymeasure.domain.job import Job, Outcome
from llenergymeasure.exceptions import ExperimentError, LLEMError
from llenergymeasure.launchers.job_folder import (
    JOB,
    LOG,
    SPOOL,
    read_job,
    read_outcome,
    read_worker,
    write_job,
)
from llenergymeasure.orchestration.readiness.folders import current_folder_problem
from llenergymeasure.results import layout

logger = logging.getLogger(__name__)

START_AT_MOST_S = 300.0
"""After that a worker has written who it is."""
_LOSING = (LLEMError.exit_code, ExperimentError.exit_code)
"""Failures after which samples may be nowhere else: a defect, or a bundle that cannot be written."""


def prepare_job(config: ExperimentConfig, study: str = layout.SINGLE) -> Path:
    """Make the folder of a new job, under a name that no other experiment of the study has.

    It lies beside the bundles, so that samples and log outlive a worker that is killed, and a restart of the machine.

    Raises:
        OSError: the output folder cannot be written.
    """
    problem = current_folder_problem()
    if problem is not None:
        raise OSError(problem)
    bundles = Path(config.output_dir) / study
    name = layout.experiment_name(config.model, config.config_hash, time.time_ns(), secrets.token_hex(4))
    output = bundles.parent.absolute()  # who removes them may be in another folder
    made = [str(path) for path in reversed((output, *output.parents)) if not path.exists()]
    folder, experiment_id = _new_folder(bundles, name)
    job = Job(
        experiment_id=experiment_id,
        study=study,
        bundles=str(bundles),
        working_dir=os.getcwd(),
        config=config.model_dump(mode="json"),
        python=config.launcher.python,
        made_folders=tuple(made),
        owner=this_process(),
    )
    try:
        write_job(folder, job)
    except BaseException:
        discard_job(folder)
        raise
    return folder


def finish_job(folder: Path, outcome: Outcome) -> Path | None:
    """Remove the folder of a job that has ended, and return None; return it where it holds what no bundle has.

    That is the case where the worker was killed, failed by a defect, or could not write the bundle.
    """
    refused = read_outcome(folder) is not None and outcome.exit_code not in _LOSING
    if refused or outcome.bundle is not None or not _holds_data(folder):
        discard_job(folder)
        return None
    return folder


def discard_job(folder: Path) -> None:
    """Remove the folder of a job, and those above it that are empty then and were made for jobs."""
    try:
        made = [Path(each) for each in reversed(read_job(folder).made_folders)]
    except ExperimentError:
        made = []
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent, *made):  # `.jobs`, the study, the output folder
        with suppress(OSError):  # another job, or a bundle, is in it
            parent.rmdir()


def discard_abandoned(bundles: Path) -> None:
    """Remove the folders of jobs whose processes are all gone, killed before they could; warn of those with data."""
    for folder in sorted((bundles / layout.JOBS).glob("*")):
        if not _is_abandoned(folder):
            continue
        killed = Outcome(status="failed", exit_code=ExperimentError.exit_code)
        left = finish_job(folder, read_outcome(folder) or killed)
        if left is not None:
            logger.warning("samples and log of a run that was killed are in %s; remove them when read", left)


def _is_abandoned(folder: Path) -> bool:
    """Only where that is certain: of this machine, submitted a while ago, with no process of it alive."""
    try:
        owner, worker = read_job(folder).owner, read_worker(folder)
        age_s = time.time() - (folder / JOB).stat().st_mtime
    except (ExperimentError, OSError):
        return False
    return owner is not None and is_gone(owner) and (is_gone(worker) if worker else age_s > START_AT_MOST_S)


def _new_folder(bundles: Path, name: str) -> tuple[Path, str]:
    for attempt in range(1, 1000):
        experiment_id = name if attempt == 1 else f"{name}-{attempt}"
        if (bundles / experiment_id).exists() or (bundles / (experiment_id + layout.INTERRUPTED)).exists():
            continue
        folder = bundles / layout.JOBS / experiment_id
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            return folder, experiment_id
    raise FileExistsError(f"{bundles / name} and 998 numbered names are taken")


def _holds_data(folder: Path) -> bool:
    files = [folder / LOG, *(folder / SPOOL).glob("*")]
    return any(file.is_file() and file.stat().st_size > 0 for file in files)
