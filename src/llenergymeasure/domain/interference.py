"""Load of foreign processes on the machine during a run."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.core.record import Record

FOREIGN_CORES = 0.25
"""Processor cores used by foreign processes from which there is a warning; a judgement: 0.25 cores are a few watts."""
MEMORY_TAKEN = 0.1
"""Share of a card's memory in use before loading from which there is a warning; a judgement: a display takes less."""


class OtherGpuLoad(Record):
    """Foreign processes on one card; None where the card does not report it."""

    device: str
    label: str
    foreign_pids: tuple[int, ...] | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    own_memory_bytes: int | None = None
    """What the driver counts for the run's own processes; None where it does not say it of each."""


class OtherLoad(Record):
    """Foreign load on processors and cards over a part of the run."""

    foreign_cpu_cores: float | None = None
    """Mean number of processor cores used by foreign processes; None where the system does not report it."""
    own_cpu_cores: float | None = None
    """The same of the run's own processes."""
    cpu_cores: int | None = None
    """Processors of the machine, as the system counts them."""
    host_memory_available_bytes: int | None = None
    """At the end of this part of the run."""
    gpus: tuple[OtherGpuLoad, ...] = ()

    def cpu_problems(self) -> Iterator[str]:
        """Yield a sentence about foreign processor load, where it is high enough for a warning."""
        cores = self.foreign_cpu_cores
        if cores is not None and cores >= FOREIGN_CORES:
            yield f"other processes kept {cores:.1f} processor cores busy"

    def gpu_problems(self) -> Iterator[str]:
        """Yield a sentence for each card that foreign processes use."""
        for gpu in self.gpus:
            if gpu.foreign_pids:
                pids = ", ".join(str(pid) for pid in gpu.foreign_pids)
                yield f"{gpu.label} is used by other processes (pid {pids})"

    def memory_problems(self) -> Iterator[str]:
        """Yield a sentence for each card whose memory is in use before the model is loaded."""
        for gpu in self.gpus:
            used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
            if used is not None and total and used > MEMORY_TAKEN * total:
                yield f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB of {gpu.label} was in use"


class HoldUp(Record):
    """How the system held up the run's processes within one window; None where it does not tell."""

    repeat: int
    duration_s: float
    suspended_s: float | None = None
    """The machine was suspended for so long; this is not part of `duration_s`."""
    waiting_fraction: float | None = None
    """Of the time that a thread wanted a processor, how much it waited for one; of the threads that did the work, that
    of the one that waited most."""
    quota_cores: float | None = None
    """Processor time that the control group may use, in cores; None without a quota."""
    quota_periods: int | None = None
    """Periods of the quota within the window, of the group that was held up most."""
    quota_throttled_periods: int | None = None
    """Those in which the quota was used up, and every thread stopped until the next one."""
    quota_throttled_s: float | None = None
    """For how long, summed over the processors."""


class Interference(Record):
    """Foreign load on the machine, before the model was loaded and over the windows."""

    before: OtherLoad | None = None
    """Over the idle baseline, before the model was loaded."""
    windows: OtherLoad | None = None
    """From the first window to the last."""
    hold_ups: tuple[HoldUp, ...] = ()
    """One for each complete window."""
