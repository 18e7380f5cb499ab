"""Checks of interference: other load on the machine."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.interference import OtherLoad
from llenergymeasure.metrics.checks.inputs import CheckInputs


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
        yield RunWarning(
            code="gpu_memory_taken",
            message=f"Before the model was loaded, {problem}.",
            remedy="End the process that uses it: nvidia-smi lists them.",
        )


def _other_load(when: str, load: OtherLoad) -> Iterable[RunWarning]:
    for problem in load.cpu_problems():
        yield RunWarning(
            code="foreign_cpu_load",
            message=f"{when}, {problem}.",
            remedy="Stop other programs (`top` lists them), or measure on a machine of your own.",
        )
    for problem in load.gpu_problems():
        yield RunWarning(
            code="foreign_gpu_process",
            message=f"{when}, {problem}; its energy is included in the figures.",
            remedy="End that process, or choose another card with CUDA_VISIBLE_DEVICES.",
        )
