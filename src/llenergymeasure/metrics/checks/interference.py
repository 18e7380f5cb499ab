"""Checks of interference: other load on the machine."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.interference import OtherLoad
from llenergymeasure.metrics.checks.code import WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

GPU_MEMORY_TAKEN = WarningCode(
    code="gpu_memory_taken",
    meaning="Memory of a card was in use before the model was loaded, so another process holds it.",
    remedy="End the process that uses it: nvidia-smi lists them.",
    severity="warning",
    because="Memory alone draws little power; whether its process computes is seen by `foreign_gpu_process`.",
)
FOREIGN_CPU_LOAD = WarningCode(
    code="foreign_cpu_load",
    meaning="Other processes used the processors: their energy is in the figures, and they slow the run down.",
    remedy="Stop other programs (`top` lists them), or measure on a machine of your own.",
    severity="warning",
    because="0.25 cores are a few watts.",
)
FOREIGN_GPU_PROCESS = WarningCode(
    code="foreign_gpu_process",
    meaning="Other processes have a context on a metered card: their energy is in the figures.",
    remedy="End that process, or choose another card with CUDA_VISIBLE_DEVICES.",
    severity="warning",
    because="A context costs about 9 W; how much such a process computes is unknown.",
)


def check_machine_was_exclusive(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Foreign processes on a metered card, foreign processor load, device memory in use before loading."""
    stages = (
        ("Before the model was loaded", inputs.interference.before),
        ("During the windows", inputs.interference.windows),
    )
    for when, load in stages:
        if load is not None:
            yield from _other_load(when, load)
    before = inputs.interference.before
    for problem in before.memory_problems() if before is not None else ():
        yield from GPU_MEMORY_TAKEN.raised(f"Before the model was loaded, {problem}.")


def _other_load(when: str, load: OtherLoad) -> Iterable[RunWarning]:
    for problem in load.cpu_problems():
        yield from FOREIGN_CPU_LOAD.raised(f"{when}, {problem}.")
    for problem in load.gpu_problems():
        yield from FOREIGN_GPU_PROCESS.raised(f"{when}, {problem}; its energy is included in the figures.")
