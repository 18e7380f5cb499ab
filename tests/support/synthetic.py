"""Traces of sensors with a known truth, on a virtual clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.trace import Channel, ChannelMethod, EnergyTrace, sample_dtype
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.curve import EnergyCurve, IntervalEnergy

BASE_NS = 1_700_000_000_000_000_000
SAMPLING_S = 0.02


def ns(seconds: float) -> int:
    """Return a moment of the trace in Unix time."""
    return BASE_NS + round(seconds * 1e9)


@dataclass(frozen=True)
class Power:
    """True power: `watts[i]` from `edges_s[i]` to `edges_s[i + 1]`, exactly integrable."""

    edges_s: tuple[float, ...]
    watts: tuple[float, ...]

    def energy_j(self, t_s: Any) -> Any:
        steps = np.diff(self.edges_s) * np.array(self.watts)
        return np.interp(t_s, self.edges_s, np.concatenate([[0.0], np.cumsum(steps)]))

    def at(self, t_s: NDArray[Any]) -> NDArray[Any]:
        inside = np.clip(np.searchsorted(self.edges_s, t_s, side="right") - 1, 0, len(self.watts) - 1)
        return np.array(self.watts)[inside]

    def between(self, start_s: float, end_s: float) -> float:
        return float(self.energy_j(end_s) - self.energy_j(start_s))


def constant(watts: float = 300.0) -> Power:
    return Power((-10.0, 1000.0), (watts,))


def square(phase_s: float = 0.0, low: float = 80.0, high: float = 420.0, period_s: float = 0.7) -> Power:
    edges = np.arange(-10.0, 100.0, period_s / 2) + phase_s
    return Power(tuple(edges), tuple(np.resize([low, high], len(edges) - 1)))


def sample_times(duration_s: float, seed: int = 1, period_s: float = SAMPLING_S) -> NDArray[Any]:
    """Return random sampling times, spaced as the sampler spaces them."""
    waits = np.random.default_rng(seed).uniform(0.25, 1.75, int(duration_s / period_s))
    return np.cumsum(waits) * period_s


def counter_j(
    power: Power, t_s: NDArray[Any], tick_s: float, phase_s: float = 0.0, start_j: float = 5000.0
) -> NDArray[Any]:
    """Return what a counter of 1 mJ that moves every `tick_s` shows."""
    ticks_s = np.floor((t_s - phase_s) / tick_s + 1e-9) * tick_s + phase_s
    energy: NDArray[Any] = np.floor((power.energy_j(ticks_s) + start_j) * 1e3) / 1e3
    return energy


def trace_of(
    t_s: NDArray[Any],
    energy_j: NDArray[Any] | float = np.nan,
    power_w: NDArray[Any] | float = np.nan,
    *,
    method: ChannelMethod = "counter",
    error: NDArray[Any] | int = 0,
    interrupted: str | None = None,
    domain: Literal["gpu", "cpu"] = "gpu",
    **channel: Any,
) -> EnergyTrace:
    samples = np.zeros(len(t_s), dtype=sample_dtype())
    samples["t_unix_ns"] = BASE_NS + np.round(t_s * 1e9).astype(np.int64)
    samples["energy_j"], samples["power_w"], samples["error"] = energy_j, power_w, error
    one = Channel(meter="test", domain=domain, device="d", label="D", method=method, **channel)
    return EnergyTrace(channels=(one,), samples=samples, interrupted=interrupted)


def counter_curve(
    power: Power, tick_s: float, *, duration_s: float = 12.0, seed: int = 1, phase_s: float = 0.0, **more: Any
) -> EnergyCurve:
    t_s = sample_times(duration_s, seed)
    return build_curves(trace_of(t_s, counter_j(power, t_s, tick_s, phase_s), **more))[0]


def energy_between(curve: EnergyCurve, start_ns: int, end_ns: int) -> IntervalEnergy:
    """Return the energy of one interval, in Unix time."""
    return curve.energies(np.array([start_ns]), np.array([end_ns])).at(0)


def joules(curve: EnergyCurve, start_s: float, end_s: float) -> float:
    """Return the energy of an interval that must be known."""
    found = energy_between(curve, ns(start_s), ns(end_s))
    assert found.energy_j is not None, found.reason
    return found.energy_j


def relative_errors(
    curve: EnergyCurve, power: Power, starts_s: Sequence[float], lengths_s: Sequence[float]
) -> list[float]:
    return [
        joules(curve, start, start + length) / power.between(start, start + length) - 1
        for start, length in zip(starts_s, lengths_s, strict=True)
    ]
