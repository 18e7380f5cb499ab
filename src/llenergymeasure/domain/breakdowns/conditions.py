"""Temperature, clocks and throttling of devices over the windows."""

from __future__ import annotations

from pydantic import Field

from llenergymeasure.core.record import Record


class Span(Record):
    """Lowest, mean and highest of a series of readings."""

    low: float
    """The lowest."""
    mean: float
    """The mean over the readings."""
    high: float
    """The highest."""


class DeviceConditions(Record):
    """Temperature, clocks and throttling of one device over all windows; None where it reports none."""

    device: str
    """As its meter names it, such as the UUID of a GPU."""
    label: str
    """What a person calls it."""
    temperature_before_c: float | None = None
    """At the start of the first window."""
    temperature_c: Span | None = None
    """Within the windows."""
    temperature_after_c: float | None = None
    """At the end of the last window."""
    sm_clock_mhz: Span | None = None
    """Clock of a GPU's multiprocessors."""
    memory_clock_mhz: Span | None = None
    """Clock of its memory."""
    utilisation_pct: Span | None = None
    """Share of the time in which any kernel ran."""
    sm_activity_pct: Span | None = None
    """Of a GPU, through NVML's GPM: how many of its multiprocessors had work, on average."""
    tensor_activity_pct: Span | None = None
    """How busy its tensor cores were."""
    dram_activity_pct: Span | None = None
    """Memory traffic over what its memory can do."""
    activity_unknown: str | None = None
    """Why the three before this are None, for a GPU whose meter looks for them."""
    throttle_fractions: dict[str, float] = Field(default_factory=dict)
    """By reason, the fraction of the readings in which it held; reasons that never held are left out."""
