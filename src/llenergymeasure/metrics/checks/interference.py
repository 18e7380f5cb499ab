"""Checks of interference: other load on the machine."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.interference import OtherLoad
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

IDLE_CORE = 0.3
"""Power of an idle core over that of a busy one; a judgement: servers idle at 20 to 50 % of their full power."""

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
    severity=Levels(
        of="estimated fraction of the energy of the windows that is not the run's; unknown before the model is loaded",
        least="warning",
        invalid=1 / 3,
    ),
    because="From 0.25 cores on, which are a few watts. A judgement: the processors' energy goes to whoever keeps them "
    f"busy, an idle core counting {IDLE_CORE:g}; over a third, J/token is more than 1.5 times the run's own.",
)
FOREIGN_GPU_PROCESS = WarningCode(
    code="foreign_gpu_process",
    meaning="Other processes have a context on a metered card: their energy is in the figures.",
    remedy="End that process, or choose another card with CUDA_VISIBLE_DEVICES.",
    severity="warning",
    because="An idle context alone costs 9 to 66 W, by card; how much such a process computes is unknown.",
)


def check_machine_was_exclusive(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Foreign processes on a metered card, foreign processor load, device memory in use before loading."""
    before, windows = inputs.interference.before, inputs.interference.windows
    if before is not None:
        yield from _other_load("Before the model was loaded", before, None)
    if windows is not None:
        yield from _other_load("During the windows", windows, _foreign_fraction(windows, inputs))
    for problem in before.memory_problems() if before is not None and not inputs.engine_ran_before else ():
        yield from GPU_MEMORY_TAKEN.raised(f"Before the model was loaded, {problem}.")


def _other_load(when: str, load: OtherLoad, fraction: float | None) -> Iterable[RunWarning]:
    size = "" if fraction is None else f"; about {fraction:.0%} of the energy is theirs"
    for problem in load.cpu_problems():
        yield from FOREIGN_CPU_LOAD.raised(f"{when}, {problem}{size}.", magnitude=fraction)
    for problem in load.gpu_problems():
        yield from FOREIGN_GPU_PROCESS.raised(f"{when}, {problem}; its energy is included in the figures.")


def _foreign_fraction(load: OtherLoad, inputs: CheckInputs) -> float | None:
    """Return about how much of the total energy is that of others on the processors; None where it is not known.

    Where no energy is known, all of it counts as the processor's in a run on the processor, as its time does.
    """
    foreign, own, cores = load.foreign_cpu_cores, load.own_cpu_cores, load.cpu_cores
    if foreign is None or own is None or cores is None:
        return None
    of_processors = foreign / (foreign + own + IDLE_CORE * cores)
    counted = [
        each for each in inputs.energy.by_device if each.included_in_total and each.energy_j is not None
    ]
    total_j = sum(each.energy_j or 0.0 for each in counted)
    if inputs.config.device == "cpu":
        return of_processors
    if total_j <= 0:
        return None
    processors_j = sum(each.energy_j or 0.0 for each in counted if each.domain != "gpu")
    return of_processors * processors_j / total_j
