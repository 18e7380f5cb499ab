"""Whether the device computes in the configured precision."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from typing import Any

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.nvidia import nvml
from llenergymeasure.exceptions import MeterUnavailable

logger = logging.getLogger(__name__)

LEAST_CAPABILITY: dict[str, tuple[int, int]] = {"fp16": (5, 3), "bf16": (8, 0)}
"""Compute capability from which a GPU has arithmetic of that kind; below, bf16 is emulated or fails.

Source: CUDA C++ Programming Guide, "Compute Capabilities", table of arithmetic instructions.
"""


def precision_refusals(config: ExperimentConfig) -> Iterator[str]:
    """Return a sentence for each device that cannot compute in `config.precision`.

    This uses NVML, since a call to CUDA may create a context on the GPU, which costs power during the baseline.
    """
    if config.device == "cpu":
        if config.precision == "fp16" and not _cpu_computes_fp16():
            yield "precision: fp16 is beyond this version of torch on a CPU: set precision: bf16 or fp32"
        return
    least = LEAST_CAPABILITY.get(config.precision)
    if least is None:
        return
    for name, capability in _capabilities():
        if capability < least:
            yield (
                f"precision: {config.precision} needs a GPU of compute capability {_dotted(least)}, and {name} has "
                f"{_dotted(capability)}: set precision: {'fp16' if capability >= (5, 3) else 'fp32'}"
            )


def _cpu_computes_fp16() -> bool:
    """Try what a model needs; unknown, and no refusal, where torch is missing."""
    if importlib.util.find_spec("torch") is None:
        return True
    import torch

    ones = torch.ones(2, 2, dtype=torch.float16)
    try:
        torch.nn.functional.layer_norm(ones @ ones, (2,)).softmax(-1)
    except RuntimeError as error:
        logger.debug("fp16 on this CPU: %s", error)
        return False
    return True


def _capabilities() -> list[tuple[str, tuple[int, int]]]:
    """Return name and compute capability of each visible GPU that says so."""
    try:
        with nvml.session() as pynvml:
            asked = [(gpu.name, _capability(pynvml, gpu)) for gpu in nvml.visible_gpus()]
    except MeterUnavailable as error:
        logger.debug("compute capabilities are unknown: %s", error)
        return []
    return [(name, capability) for name, capability in asked if capability is not None]


def _capability(pynvml: Any, gpu: nvml.Gpu) -> tuple[int, int] | None:
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(pynvml.nvmlDeviceGetHandleByUUID(gpu.uuid))
        return int(major), int(minor)
    except (nvml.NVMLError, *nvml.FOREIGN) as error:
        logger.debug("%s reports no compute capability: %s", gpu.name, error)
        return None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
