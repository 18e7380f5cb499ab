"""Whether other processes use the machine: looked at before the model is loaded, and over the windows."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping

from llenergymeasure.core.clock import Clock
from llenergymeasure.core.machine_load import (
    GpuUse,
    ProcessorTime,
    available_memory_bytes,
    own_processes,
    read_gpu_use,
    read_processor_time,
)
from llenergymeasure.domain.interference import OtherGpuLoad, OtherLoad
from llenergymeasure.exceptions import PreFlightError

SHORTEST_S = 1.0
"""Processor times move in steps of 10 ms, so a shorter interval gives an uncertain share."""

LEAST_PACE = 0.5
"""Of the processor time that must pass, idle or busy; less is no rounding of its steps."""


class OtherLoadWatch:
    """Counts what others use from when it is made.

    `backend_processes` returns the processes of the backend, which a running server did not get from us.
    """

    def __init__(self, clock: Clock, backend_processes: Callable[[], Collection[int]] = tuple) -> None:
        self._clock = clock
        self._backend_processes = backend_processes
        self._start_ns = clock.now_ns()
        self._before = read_processor_time(self._own())

    def look(self, empty: OtherLoad | None = None) -> OtherLoad:
        """Return what others have used since. `empty` is a former look, when our model was on no card yet."""
        ours = self._own()
        elapsed_s = (self._clock.now_ns() - self._start_ns) / 1e9
        known = {gpu.device: gpu.foreign_pids or () for gpu in empty.gpus} if empty is not None else None
        foreign_cores, own_cores = _mean_cores(self._before, read_processor_time(ours), elapsed_s)
        return OtherLoad(
            foreign_cpu_cores=foreign_cores,
            own_cpu_cores=own_cores,
            cpu_cores=os.cpu_count(),
            host_memory_available_bytes=available_memory_bytes(),
            gpus=tuple(_gpu(use, ours, known) for use in read_gpu_use()),
        )

    def too_short_by_s(self) -> float:
        """Return how much longer to wait until a look can tell the load of the processor; 0 where it can now."""
        return max(SHORTEST_S - (self._clock.now_ns() - self._start_ns) / 1e9, 0.0)

    def _own(self) -> Collection[int]:
        return {*own_processes(), *self._backend_processes()}


def refuse_busy_machine(before: OtherLoad) -> None:
    """Stop a run that requires a quiet machine before anything is loaded.

    Raises:
        PreFlightError: others use the machine, or it does not tell; every reason at once.
    """
    problems = [*before.cpu_problems(), *before.gpu_problems(), *before.memory_problems()]
    if before.foreign_cpu_cores is None:
        problems.append("the system does not report how busy the processor is, so a quiet one cannot be told")
    if problems:
        listed = "\n".join(f"  ✗ {problem}" for problem in problems)
        raise PreFlightError(
            "The machine is not quiet, and measurement.require_quiet is set: end the other processes, or leave "
            f"--require-quiet out and read the warnings of the result\n{listed}"
        )


def _mean_cores(
    before: ProcessorTime | None, after: ProcessorTime | None, elapsed_s: float
) -> tuple[float | None, float | None]:
    """Return the mean number of processors that others used, and that we used."""
    if before is None or after is None or elapsed_s < SHORTEST_S:
        return None, None
    if _stands_still(before, after, elapsed_s):
        return None, None
    own_s = max(after.own_s - before.own_s, 0.0)
    foreign_s = max(after.machine_s - before.machine_s - own_s, 0.0)
    return foreign_s / elapsed_s, own_s / elapsed_s


def _stands_still(before: ProcessorTime, after: ProcessorTime, elapsed_s: float) -> bool:
    """Return whether the times are those of a sandbox that does not count them, or counts some processors only."""
    counted_s = after.counted_s - before.counted_s
    runs_back = after.machine_s < before.machine_s
    return runs_back or after.own_s <= 0 or counted_s < LEAST_PACE * elapsed_s * (os.cpu_count() or 1)


def _gpu(use: GpuUse, ours: Collection[int], known: Mapping[str, tuple[int, ...]] | None) -> OtherGpuLoad:
    foreign = None if use.pids is None else _foreign(use, ours, known)
    return OtherGpuLoad(
        device=use.uuid,
        label=use.label,
        foreign_pids=foreign,
        memory_used_bytes=use.memory_used_bytes,
        memory_total_bytes=use.memory_total_bytes,
        own_memory_bytes=None if foreign is None else _own_memory(use, foreign),
    )


def _own_memory(use: GpuUse, foreign: Collection[int]) -> int | None:
    sizes = [use.memory_by_pid.get(pid) for pid in use.pids or () if pid not in foreign]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _foreign(
    use: GpuUse, ours: Collection[int], known: Mapping[str, tuple[int, ...]] | None
) -> tuple[int, ...]:
    """Return the pids on a card that are not ours.

    In a container the driver reports pids of the host, which differ from ours. Once our model is on the card, one new
    process without a match is therefore taken for our own.
    """
    foreign = [pid for pid in use.pids or () if pid not in ours]
    if known is not None and len(foreign) == len(use.pids or ()):
        new_pid = next((pid for pid in foreign if pid not in known.get(use.uuid, ())), None)
        foreign = [pid for pid in foreign if pid != new_pid]
    return tuple(foreign)
