"""Options of the `estimate` meter."""

from __future__ import annotations

from pydantic import Field

from llenergymeasure.config.base import Section

MOST_W = 100_000.0
"""Above all CPUs of any one machine."""


class EstimateOptions(Section):
    """The power model of the `estimate` meter: idle power plus CPU utilisation times the rest."""

    cpu_max_power_w: float | None = Field(None, gt=0, le=MOST_W)
    """Power of the machine's CPUs at full load; null takes 8 W per physical core."""
    cpu_idle_power_w: float | None = Field(None, ge=0, le=MOST_W)
    """Power of the idle CPUs; null takes a tenth of the maximum."""
