"""A power source whose true power is stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, ChannelMethod, EnergyTrace, sample_dtype
from llenergymeasure.testing.virtual_clock import VirtualClock


@dataclass
class KnownPower:
    """A power source whose truth is stated: `power_w` watts at any Unix nanosecond, read as a ticking counter."""

    clock: VirtualClock
    power_w: Callable[[int], float]
    tick_s: float = 0.02
    method: ChannelMethod = "counter"
    _start_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._start_ns = self.clock.now_ns()

    def recent_power_w(self) -> float | None:
        return self.power_w(self.clock.now_ns())

    def recent_temperature_c(self) -> float | None:
        return None

    @property
    def channels(self) -> tuple[Channel, ...]:
        return (
            Channel(meter="known", domain="gpu", device="GPU-0", label="known power", method=self.method),
        )

    @property
    def is_estimated(self) -> bool:
        return self.method == "estimated"

    def trace(self, since_ns: int | None = None) -> EnergyTrace:
        import numpy as np

        step_ns = round(self.tick_s * 1e9)
        energy_j = 0.0
        rows: list[Sample] = []
        for time_ns in range(self._start_ns, self.clock.now_ns() + step_ns, step_ns):
            watts = self.power_w(time_ns)
            rows.append(Sample(channel=0, t_unix_ns=time_ns, energy_j=energy_j, power_w=watts))
            energy_j += watts * self.tick_s
        samples = np.array([tuple(row) for row in rows], dtype=sample_dtype())
        kept = samples if since_ns is None else samples[samples["t_unix_ns"] >= since_ns]
        return EnergyTrace(channels=self.channels, samples=kept)
