"""How much disk space a run takes: an upper estimate from its configuration and the devices of the machine."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.sample import RECORD
from llenergymeasure.orchestration.readiness.folders import free_bytes

NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")
"""One entry for each GPU of the machine, used by this run or not (NVIDIA driver README, chapter on /proc)."""
SAMPLES_PER_S = 50.0
"""Of one channel: the fastest of the built-in meters (`period_s` of nvml is 0.02 s)."""
OTHER_CHANNELS = 8
"""Beside the GPUs: package, cores, DRAM and platform of the two sockets that rapl reads in common servers."""
COPIES = 2
"""Samples and requests are on the disk twice while the bundle is written: spool and, compressed or not, tables."""
BYTES_PER_TOKEN = 32
"""A token's time as text in the spool (20 digits and a separator) and as an integer in the table."""
OVERRUN = 1.5
"""Windows end after whole passes over the workload, so that they last longer than asked for."""
REST_BYTES = 10 * 2**20
"""Result, snapshot, log and events; 2 MB an hour in a long run."""


def room_problem(output_dir: str | Path, config: ExperimentConfig, run: str = "this run") -> str | None:
    """Return that the disk of an output folder is too full for a run, or None.

    Raises:
        OSError: nothing can be written there.
    """
    existing, free = free_bytes(output_dir)
    needed = needed_bytes(config)
    if free >= needed:
        return None
    return f"no room for results: {_size(free)} free at {existing}, {run} may take {_size(needed)}"


def needed_bytes(config: ExperimentConfig) -> int:
    """Return an upper estimate of the room that a run takes until its bundle is written."""
    samples = duration_s(config) * SAMPLES_PER_S * RECORD.size * _channels(config)
    tokens = config.workload.n_prompts * config.workload.max_output_tokens * config.measurement.repeats.max
    return round(COPIES * (samples + tokens * BYTES_PER_TOKEN)) + REST_BYTES


def duration_s(config: ExperimentConfig) -> float:
    """Return how long a run lasts at most by its protocol, without the loading of the model."""
    protocol = config.measurement
    cooldown_s = 0.0 if protocol.cooldown.max_temperature_c is None else protocol.cooldown.max_wait_s
    idle_s = protocol.baseline.idle_s + protocol.baseline.context_s + protocol.baseline.loaded_s
    warmup_s = protocol.warmup.max_duration_s or protocol.warmup.min_duration_s
    windows_s = protocol.repeats.max * protocol.window.min_duration_s
    return cooldown_s + idle_s + OVERRUN * (warmup_s + windows_s)


def _size(n_bytes: int) -> str:
    for factor, unit in ((2**20, "MB"), (2**30, "GB")):
        if n_bytes < 10_000 * factor:
            return f"{n_bytes / factor:.0f} {unit}"
    return f"{n_bytes / 2**40:,.0f} TB"


def _channels(config: ExperimentConfig) -> int:
    if config.energy.meters == "none":
        return 0
    return len(list(NVIDIA_GPUS.glob("*"))) + OTHER_CHANNELS
