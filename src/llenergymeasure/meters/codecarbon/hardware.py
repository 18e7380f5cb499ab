"""Asking CodeCarbon what it would measure here, and nothing else."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

from llenergymeasure import plugins
from llenergymeasure.exceptions import MeterUnavailable

INSTALL = plugins.declaration("meters", "codecarbon").install
FIXED: dict[str, Any] = {
    "output_methods": [],
    "output_dir": os.sep,  # has to exist; with no outputs nothing is written there
    "emissions_endpoint": None,
    "allow_multiple_runs": True,  # no lock file, no handlers of signals
    "api_call_interval": -1,
    "tracking_mode": "machine",
    "force_cpu_power": None,
    "force_ram_power": None,
    "force_mode_cpu_load": False,
    "pue": 1.0,
    "wue": 0.0,
    "rapl_include_dram": False,
    "rapl_prefer_psys": False,
    "log_level": "warning",
}
"""Nothing is written or sent, and no ~/.codecarbon.config or CODECARBON_ variable changes what a number means."""


def detect_hardware(gpu_indices: Sequence[int] | None) -> list[Any]:
    """Return CodeCarbon's hardware objects, their counters read for the first time.

    GPUs by their number in NVML; None where there is no NVIDIA driver. The tracker that finds them is never started:
    its threads, emissions and outputs are of no use here, and so nothing is left to stop.

    Raises:
        MeterUnavailable: it is not installed, or fails.
    """
    with _quietly():
        try:
            from codecarbon import OfflineEmissionsTracker

            tracker = OfflineEmissionsTracker(
                gpu_ids=None if gpu_indices is None else list(gpu_indices),
                **FIXED,
            )
            tracker.get_detected_hardware()
            hardware = list(tracker._hardware)
            for each in hardware:
                each.start()
        except ImportError as error:
            raise MeterUnavailable(f"CodeCarbon cannot be imported: {error}", INSTALL) from None
        except Exception as error:  # noqa: BLE001 - other people's code
            raise MeterUnavailable(
                f"CodeCarbon did not start: {type(error).__name__}: {error}", INSTALL
            ) from None
    return hardware


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress output during detection: CodeCarbon expects AMD GPUs where amdsmi is installed, which prints."""
    log = logging.getLogger("codecarbon")
    level = log.level
    log.addFilter(_nothing)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        log.removeFilter(_nothing)
        log.setLevel(level)


def _nothing(record: logging.LogRecord) -> bool:
    return False
