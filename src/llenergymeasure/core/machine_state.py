"""Identity of this machine, and the settings that change its idle power."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llenergymeasure.core.cpu import ROOT, read_cpu
from llenergymeasure.core.nvidia import gpu
from llenergymeasure.core.sysfs import read_text
from llenergymeasure.exceptions import MeterUnavailable

logger = logging.getLogger(__name__)

CPU_FACTS = {"model", "architecture", "physical_cores", "logical_cores", "governor", "turbo_enabled"}
GPU_FACTS = {"uuid", "persistence_mode", "power_limit_w", "mig_enabled", "ecc_enabled"}


def read_machine_state(root: Path = ROOT) -> dict[str, Any]:
    """Return plain values that stay equal while nothing has changed that a baseline would have to follow.

    The machine's id alone would not do: containers of one image share it. A new boot is a new state.
    """
    gpus, driver = _read_gpus()
    return {
        "machine_id": read_text(root / "etc/machine-id"),
        "boot_id": read_text(root / "proc/sys/kernel/random/boot_id"),
        "cpu": read_cpu(root).model_dump(include=CPU_FACTS),
        "gpus": gpus,
        "driver": driver,
    }


def _read_gpus() -> tuple[list[dict[str, Any]], str | None]:
    try:
        gpus, cuda = gpu.read_machine()
        return [each.model_dump(include=GPU_FACTS) for each in gpus], cuda.driver_version
    except MeterUnavailable as error:
        logger.debug("no GPU is part of the machine's state: %s", error)
        return [], None
