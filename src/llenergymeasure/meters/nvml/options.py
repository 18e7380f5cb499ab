"""Options of the `nvml` meter."""

from __future__ import annotations

from pydantic import Field

from llenergymeasure.config.base import Section


class NvmlOptions(Section):
    """What is read of NVIDIA GPUs beside energy, power and state."""

    activity: bool = Field(True)
    """Read how busy SMs, tensor cores and memory are (NVML's GPM metrics), where the card has them."""
