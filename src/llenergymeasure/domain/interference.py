"""What others did on the machine while a run was measured."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.core.record import Record

FOREIGN_CORES = 0.25
"""Processor cores used by others from which on it is a doubt."""
MEMORY_TAKEN = 0.1
"""Part of a card's memory taken before the model is loaded from which on it is a doubt."""


class OtherGpuLoad(Record):
    """Other processes on one card; None where the card does not say."""

    device: str
    label: str
    foreign_pids: tuple[int, ...] | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None


class OtherLoad(Record):
    """What others used over a stretch of the run."""

    foreign_cpu_cores: float | None = None
    """Mean number of cores that processes other than ours kept busy; None where the system does not say."""
    gpus: tuple[OtherGpuLoad, ...] = ()

    def cpu_problems(self) -> Iterator[str]:
        """Yield a sentence about others' use of the processors, where it is worth one."""
        cores = self.foreign_cpu_cores
        if cores is not None and cores >= FOREIGN_CORES:
            yield f"other processes kept {cores:.1f} processor cores busy"

    def gpu_problems(self) -> Iterator[str]:
        """Yield a sentence for each card that others use."""
        for gpu in self.gpus:
            if gpu.foreign_pids:
                pids = ", ".join(str(pid) for pid in gpu.foreign_pids)
                yield f"{gpu.label} is used by other processes (pid {pids})"

    def memory_problems(self) -> Iterator[str]:
        """Yield a sentence for each card whose memory is taken before the model is loaded."""
        for gpu in self.gpus:
            used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
            if used is not None and total and used > MEMORY_TAKEN * total:
                yield f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB of {gpu.label} were taken"


class Interference(Record):
    """Others on the machine, before the model was loaded and over the windows."""

    before: OtherLoad | None = None
    """Over the idle baseline, before the model was loaded."""
    windows: OtherLoad | None = None
    """From the first window to the last."""
