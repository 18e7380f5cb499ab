"""Whether a batch generates slower in a metered window than bare: one model in one process, turn and turn about.

Whole runs one after another (overhead.py) differ by as much as the machine's speed does from minute to minute. Here
bare, window, window, bare take seconds, so that most of that cancels. While a batch is bare the sampler is stopped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import figure, publish
from benchmarks.sides import BATCH_SIZE, batch_settings, write_prompts

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.config.load import OfflineLoad
from llenergymeasure.config.loader import load_config
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.offline import OfflineDriver
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.sampling.sampler import Sampler
from llenergymeasure.meters.selection import choose_meters
from llenergymeasure.orchestration.readiness.selection import find_workload

ROUNDS = 40
NEW_TOKENS = 16
BAR_PERCENT = 1.0


def main() -> None:
    """Print by how much the two inner turns of each round were slower than the outer ones."""
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder:
        bare, metered, sampler = _prepare(Path(folder))
        try:
            overhead, noise = _turns(bare, metered, sampler)
        finally:
            if sampler.alive and sampler.pid is not None:
                os.kill(sampler.pid, signal.SIGCONT)  # a stopped process cannot end in order
            sampler.stop()
    publish(
        "overhead_batches",
        [
            figure("noise floor: bare against bare", "%", noise),
            figure("size of the noise floor", "%", [abs(each) for each in noise]),
            figure("a window against the bare turns around it", "%", overhead, BAR_PERCENT),
        ],
    )


def _turns(
    bare: Callable[[], object], metered: Callable[[], object], sampler: Sampler
) -> tuple[list[float], list[float]]:
    overhead, noise = [], []
    pid = sampler.pid
    assert pid is not None
    for _ in range(2):
        bare(), metered()
    for _ in range(ROUNDS):
        os.kill(pid, signal.SIGSTOP)
        before_s = _timed(bare)
        os.kill(pid, signal.SIGCONT)
        inner_s = _timed(metered) + _timed(metered)
        os.kill(pid, signal.SIGSTOP)
        after_s = _timed(bare)
        overhead.append((inner_s / (before_s + after_s) - 1) * 100)
        noise.append((after_s / before_s - 1) * 100)
    return overhead, noise


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _prepare(folder: Path) -> tuple[Callable[[], object], Callable[[], object], Sampler]:
    """Return one batch bare, the same batch as a window of a run, and the sampler that runs beside it."""
    config = load_config(None, batch_settings(write_prompts(folder), NEW_TOKENS))
    clock, backend = AnchoredClock(), PyTorchBackend()
    backend.load(config, clock)
    prompts = find_workload(config.workload.dataset).prompts(config.workload, config.random_seed)
    workload = backend.encode(prompts)[:BATCH_SIZE]
    run: Any = backend._run  # the model itself, which a bare script has too
    batch = run._batch(workload)
    driver = OfflineDriver(OfflineLoad(), DriverInputs(backend=backend, workload=workload, clock=clock))
    options = MeterOptions(energy=config.energy)
    choice = choose_meters(config.energy)
    spool = folder / "samples.bin"
    sampler = Sampler(choice.meters, options, clock, spool, fallbacks=choice.fallbacks)
    sampler.start()
    log = Recorder(clock=clock, emit=_tell_somebody())
    plan = WindowPlan(min_duration_s=0, passes=1)
    return (
        lambda: run._model.generate(**batch.inputs, generation_config=run._settings),
        lambda: measure_window(driver, plan, 0, log, sampler),
        sampler,
    )


def _tell_somebody() -> Callable[[RunEvent], None]:
    """Return a listener that writes events into a pipe that is read, as a worker's are."""
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    pipe = reader.stdin
    assert pipe is not None

    def emit(event: RunEvent) -> None:
        pipe.write(event.model_dump_json(exclude_none=True) + "\n")
        pipe.flush()

    return emit


if __name__ == "__main__":
    main()
