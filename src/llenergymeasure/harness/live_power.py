"""What the harness asks of metering while a run goes on."""

from __future__ import annotations

from typing import Protocol

from llenergymeasure.domain.trace import EnergyTrace


class PowerSource(Protocol):
    """A running sampler, seen by the harness."""

    def latest_power_w(self) -> float | None:
        """Power of all counted channels at this moment."""
        ...

    def latest_temperature_c(self) -> float | None:
        """Temperature of the hottest device at this moment; None where one of the GPUs does not say."""
        ...

    def trace_so_far(self) -> EnergyTrace:
        """What has been sampled until now."""
        ...


class Unmetered:
    """Stands where no meter was asked for."""

    def latest_power_w(self) -> float | None:
        return None

    def latest_temperature_c(self) -> float | None:
        return None

    def trace_so_far(self) -> EnergyTrace:
        return empty_trace()


def empty_trace() -> EnergyTrace:
    """Return a trace without channels."""
    import numpy as np

    from llenergymeasure.domain.trace import sample_dtype

    return EnergyTrace(channels=(), samples=np.empty(0, dtype=sample_dtype()))
