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


class OtherLoad(Record):
    """Foreign load on processors and cards over a part of the run."""

    foreign_cpu_cores: float | None = None
    """Mean number of processor cores used by foreign processes; None where the system does not report it."""
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


class Interference(Record):
    """Foreign load on the machine, before the model was loaded and over the windows."""

    before: OtherLoad | None = None
    """Over the idle baseline, before the model was loaded."""
    windows: OtherLoad | None = None
    """From the first window to the last."""
