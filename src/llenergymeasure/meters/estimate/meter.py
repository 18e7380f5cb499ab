"""The last resort where nothing measures: CPU utilisation times a stated power model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from llenergymeasure.core.clock import AnchoredClock, Clock
from llenergymeasure.domain.sample import SOURCE_STILL, Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.cpu_time import Pace, cpu_times, stat_path
from llenergymeasure.meters.estimate.options import EstimateOptions

MAX_W_PER_CORE = 8.0
"""A server core at full load: 200-400 W parts of 28-64 cores lie between 5 and 9 W a core."""
IDLE_SHARE = 0.1
RELATIVE_ERROR = 0.5
"""Estimates of this kind were seen 40 % off a wall meter (arXiv 2509.22092); the model's watts are a guess on top."""


class EstimateMeter:
    """Machine-wide CPU energy from a power model: `idle + utilisation x (max - idle)`; it measures nothing."""

    name: ClassVar[str] = "estimate"
    period_s: ClassVar[float] = 0.1

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or AnchoredClock(offset_ns=0)
        self._stat = stat_path()
        self._idle_w = 0.0
        self._max_w = 0.0
        self._energy_j = 0.0
        self._last_ns = 0
        self._last_times = (0.0, 0.0)
        self._pace: Pace | None = None

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        cores, config = _physical_cores(), options.energy.options_of(self.name, EstimateOptions)
        self._idle_w, self._max_w = power_model(config, cores)
        self._pace = Pace(self._stat, self._clock)
        self._last_times = cpu_times(self._stat)
        self._last_ns = self._clock.now_ns()
        self._energy_j = 0.0
        return [
            Channel(
                meter=self.name,
                domain="cpu",
                device="host",
                label="CPU (estimate)",
                method="estimated",
                update_period_s=0.0,
                relative_error=RELATIVE_ERROR,
                note=describe(config, cores),
            )
        ]

    def read(self, offset_ns: int) -> list[Sample]:
        try:
            busy_s, total_s = cpu_times(self._stat)
        except MeterUnavailable:
            return [Sample(0, self._clock.now_ns() + offset_ns, error=1)]
        now_ns = self._clock.now_ns()
        assert self._pace is not None
        was_still = self._pace.is_still
        if self._pace.look(now_ns, total_s):
            return [Sample(0, now_ns + offset_ns, error=SOURCE_STILL)]
        if was_still:  # the time before is unknown: a counter that begins again says so
            self._energy_j, self._last_ns = 0.0, now_ns
        return [self._advance(now_ns, busy_s, total_s, offset_ns)]

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _advance(self, now_ns: int, busy_s: float, total_s: float, offset_ns: int) -> Sample:
        """Add the model's energy since the last reading; utilisation is of the CPU time that passed since."""
        busy, total = busy_s - self._last_times[0], total_s - self._last_times[1]
        utilisation = min(1.0, max(0.0, busy / total)) if total > 0 else 0.0
        power_w = self._idle_w + utilisation * (self._max_w - self._idle_w)
        self._energy_j += power_w * (now_ns - self._last_ns) / 1e9
        self._last_ns, self._last_times = now_ns, (busy_s, total_s)
        return Sample(
            0,
            now_ns + offset_ns,
            energy_j=self._energy_j,
            power_w=power_w,
            utilisation_pct=100.0 * utilisation,
        )


def power_model(config: EstimateOptions, cores: int) -> tuple[float, float]:
    """Return idle and full-load power in watts.

    Raises:
        MeterUnavailable: idle power is above the maximum.
    """
    max_w = config.cpu_max_power_w or MAX_W_PER_CORE * cores
    idle_w = config.cpu_idle_power_w if config.cpu_idle_power_w is not None else IDLE_SHARE * max_w
    if idle_w > max_w:
        raise MeterUnavailable(
            f"energy.estimate: idle power {idle_w:g} W is above the maximum {max_w:g} W; "
            "set cpu_max_power_w and cpu_idle_power_w together"
        )
    return idle_w, max_w


def describe(config: EstimateOptions, cores: int) -> str:
    """Return the power model in words, with its numbers and its boundary."""
    idle_w, max_w = power_model(config, cores)
    full = f"{max_w:g} W" if config.cpu_max_power_w else f"{MAX_W_PER_CORE:g} W x {cores} cores"
    return (
        f"{full} at full load, {idle_w:g} W idle, x CPU utilisation; CPUs alone (no memory, no GPU), "
        "all processes of the machine or virtual machine that /proc/stat counts"
    )


def _physical_cores() -> int:
    import psutil

    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
