"""Doubts about isolation: others on the machine."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.interference import OtherLoad
from llenergymeasure.metrics.checks.inputs import CheckInputs


def check_machine_was_exclusive(evidence: CheckInputs) -> Iterable[RunWarning]:
    """Foreign processes on a metered card, foreign processor load, memory left taken by somebody."""
    stages = (
        ("Before the model was loaded", evidence.interference.before),
        ("During the windows", evidence.interference.windows),
    )
    for when, neighbours in stages:
        if neighbours is not None:
            yield from _neighbours(when, neighbours)
    before = evidence.interference.before
    for problem in before.memory_problems() if before is not None else ():
        yield RunWarning(
            code="gpu_memory_taken",
            message=f"Before the model was loaded, {problem}.",
            remedy="End the process that holds it: nvidia-smi lists them.",
        )


def _neighbours(when: str, neighbours: OtherLoad) -> Iterable[RunWarning]:
    for problem in neighbours.cpu_problems():
        yield RunWarning(
            code="foreign_cpu_load",
            message=f"{when}, {problem}.",
            remedy="Stop what else runs (`top` lists it), or measure on a machine of your own.",
        )
    for problem in neighbours.gpu_problems():
        yield RunWarning(
            code="foreign_gpu_process",
            message=f"{when}, {problem}; its energy is in the figures.",
            remedy="End that process, or choose another card with CUDA_VISIBLE_DEVICES.",
        )
