"""Peak memory is that of the windows, and of nothing else."""

from __future__ import annotations

from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.performance.peak_memory import peak_memory


def _window(repeat: int, *peaks: tuple[str, int], complete: bool = True) -> Phase:
    return Phase(
        name="window",
        repeat=repeat,
        start_unix_ns=repeat,
        end_unix_ns=repeat + 1,
        complete=complete,
        peak_memory_bytes=peaks,
    )


def test_the_highest_of_the_windows_counts_for_each_device() -> None:
    phases = [_window(0, ("cuda:0", 7), ("host", 3)), _window(1, ("cuda:0", 5), ("host", 4), ("cuda:1", 1))]
    assert peak_memory(phases) == {"cuda:0": 7, "host": 4, "cuda:1": 1}


def test_a_window_that_was_broken_off_does_not_count() -> None:
    assert peak_memory([_window(0, ("host", 3)), _window(1, ("host", 9), complete=False)]) == {"host": 3}
    assert peak_memory([]) == {}
