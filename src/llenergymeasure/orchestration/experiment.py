"""One experiment, start to end: the straight path every launcher runs."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from llenergymeasure.backends.base import (
    Backend,
    prompt_facts,
    reports_steps,
    serves_offline,
)
from llenergymeasure.backends.describing import serving_facts
from llenergymeasure.backends.guarded import make_backend
from llenergymeasure.backends.of_a_server import (
    keep_log_in,
    processes_before_load,
    reports_server_counters,
)
from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.core.files.durable import refusals_of
from llenergymeasure.core.processes.stop_signals import stop_is_asked, stop_signals_ignored
from llenergymeasure.domain.environment import collect_environment_snapshot
from llenergymeasure.domain.interference import Interference
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.harness.closing import close_and_note, note_closing_fault
from llenergymeasure.harness.cooldown import cool_down
from llenergymeasure.harness.idle import measure_idle
from llenergymeasure.harness.idle_baseline import measure_idle_baseline
from llenergymeasure.harness.metering import Metering, metering
from llenergymeasure.harness.prefix_cache import PrefixCache
from llenergymeasure.harness.recorder import Emit, LatestInBackground, Recorder, ignore_event
from llenergymeasure.harness.repeats import ladder, measure_rungs
from llenergymeasure.harness.request_log import RequestLog
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.harness.window_notes import noting_windows
from llenergymeasure.launchers.job_folder import SPOOL, read_job
from llenergymeasure.load.base import DriverInputs
from llenergymeasure.load.drivers import open_driver
from llenergymeasure.load.planning.schedule_log import ScheduleLog
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.fingerprinting import fingerprint, local_weights
from llenergymeasure.orchestration.keeping import derived_files, failed, interrupted, raw_run, write
from llenergymeasure.orchestration.readiness.ready import require_ready
from llenergymeasure.orchestration.readiness.selection import find_workload, read_prompts
from llenergymeasure.orchestration.server_log import server_log

logger = logging.getLogger(__name__)


def execute(folder: Path, emit: Emit = ignore_event) -> Path:
    """Run the job of a folder in this process and return its bundle.

    Raises:
        ConfigError: the job's configuration is none that this release knows.
        PreFlightError: the machine is not ready; nothing was loaded.
        InterruptedExperimentError: stopped by the user; what was measured until then is kept.
        LLEMError: the run failed; the class says where.
    """
    spool = folder.absolute() / SPOOL
    job = read_job(folder)
    os.chdir(job.working_dir)
    config = load_config(overrides=job.config)
    require_ready(config)
    clock = AnchoredClock()
    facts = RunFacts(
        experiment_id=job.experiment_id,
        host=platform.node() or None,
        clock_offset_ns=clock.offset_ns,
        output_refusals=_refusals(Path(job.bundles)),
    )
    reports = LatestInBackground()
    log = Recorder(
        clock=clock,
        emit=emit,
        facts=facts,
        requests=RequestLog(spool / "requests.jsonl"),
        schedule=ScheduleLog(spool / "schedule.jsonl"),
        in_background=reports,
        spool=spool,
    )
    try:
        with closing(reports), log.requests, closing(log.schedule):
            measure(config, clock, log, spool)
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - what was measured is kept first
        if log.facts.stopped_because is None:
            if isinstance(error, KeyboardInterrupt) or stop_is_asked():
                raise interrupted(job, config, log) from None
            raise failed(job, config, log, error) from None
        if not isinstance(error, KeyboardInterrupt):  # one that comes after the last repeat undoes nothing
            note_closing_fault(log, error)
    with stop_signals_ignored():
        try:
            raw = raw_run(log)
            derived = derived_files(assemble(config, raw))
        except Exception as error:  # noqa: BLE001 - what was measured is kept first
            raise failed(job, config, log, error) from None
        return write(job, config, raw, more={**derived, **server_log(spool)})


def _refusals(bundles: Path) -> tuple[str, ...]:
    try:
        return refusals_of(bundles)
    except OSError as error:  # it could be written a moment ago; what is measured is rescued
        return (f"{bundles} cannot be written: {error.strerror or error}",)


def measure(config: ExperimentConfig, clock: AnchoredClock, log: Recorder, spool: Path) -> None:
    """Take the measurement, from the cool-down to the last repeat; all is closed in reverse on any failure."""
    protocol = config.measurement
    with ExitStack() as stack:
        backend = make_backend(config.backend)
        stack.callback(close_and_note, backend.close, log)
        keep_log_in(backend, spool)
        power = _start_metering(config, clock, log, stack, spool)
        data_set = find_workload(config.workload.dataset)
        prompts = read_prompts(data_set, config)
        cool_down(protocol.cooldown, log, power)
        running = processes_before_load(backend, config)
        before, baseline = measure_idle_baseline(protocol, log, power, running)
        log.note(baseline=baseline, interference=Interference(before=before))
        log.note(engine_ran_before=running is not None)
        _attach(backend, config, log, power)
        snapshot, weights = _look_in_background(stack, config, log)
        with log.phase("load"):
            log.note(model_info=backend.load(config, clock))
        with log.phase("prepare"):
            workload = backend.encode(prompts)
            snapshot.result()
            info = log.facts.model_info
            prints = fingerprint(config, backend, info, (data_set, prompts, workload), weights.result())
            log.note(fingerprints=prints, prompt_facts=prompt_facts(backend))
            log.note(serving=serving_facts(backend, workload))
            log.note(max_batch_size=_batch_size(config, backend))
        cache = PrefixCache(config, backend, workload)
        inputs = DriverInputs(
            backend=cache.backend,
            workload=workload,
            clock=clock,
            seed=config.random_seed,
            plan=log.schedule.append,
        )
        driver, rungs = stack.enter_context(open_driver(config.load, inputs)), ladder(config.load)
        measure_idle("baseline_loaded", protocol.baseline.loaded_s, log, power)
        log.engine = backend if reports_steps(backend) else None
        cache.fill(driver, log)
        log.note(warmup_ended=warm_up(driver, protocol, log, power, rungs[0]))
        log.memory = backend
        log.server = backend if reports_server_counters(backend) else None
        with noting_windows(before, backend, cache, log):
            log.note(stopped_because=measure_rungs(driver, rungs, protocol, log, power, cache.before_window))


def _attach(backend: Backend, config: ExperimentConfig, log: Recorder, power: Metering) -> None:
    """Create the device's context, which has a price and an idle power of its own; a CPU has none."""
    duration_s = config.measurement.baseline.context_s
    if config.device == "cpu":
        return
    with log.phase("attach"):
        backend.attach(config, log.clock)
    measure_idle("baseline_context", duration_s, log, power)


def _start_metering(
    config: ExperimentConfig, clock: AnchoredClock, log: Recorder, stack: ExitStack, spool: Path
) -> Metering:
    log.metering = stack.enter_context(metering(config.energy, clock, spool))
    meters = tuple(dict.fromkeys(channel.meter for channel in log.metering.channels))
    log.note(meters=meters, left_out=log.metering.left_out)
    return log.metering


def _look_in_background(
    stack: ExitStack, config: ExperimentConfig, log: Recorder
) -> tuple[Future[None], Future[Mapping[str, str] | None]]:
    """Look at machine and weights beside the loading of the model; `pip freeze` alone takes most of a second."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshot")
    stack.callback(pool.shutdown)  # an interrupted run waits for its snapshot too
    return pool.submit(_note_snapshot, log), pool.submit(local_weights, config)


def _note_snapshot(log: Recorder) -> None:
    """Look at software and hardware; that never stops a run."""
    try:
        log.note(snapshot=collect_environment_snapshot())
    except Exception as error:  # noqa: BLE001 - whatever it is
        reason = f"the snapshot of software and hardware failed: {type(error).__name__}: {error}"
        logger.warning("%s", reason)
        log.note(snapshot_unknown=reason)


def _batch_size(config: ExperimentConfig, backend: Backend) -> int | None:
    """Return how many requests of a pass the backend is to compute together; None where clients send single ones."""
    return backend.max_batch_size() if config.load.kind == "offline" and serves_offline(backend) else None
