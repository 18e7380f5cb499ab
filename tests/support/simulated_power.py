"""Traces of simulated sensors over random true power, on a virtual clock: every phase is random too."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase, sample_dtype
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.quiet import NONE_QUIET, quiet_intervals
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures.energies import TOTAL_ENERGY, energy_over
from llenergymeasure.metrics.figures.figure import FigureInputs
from tests.simulators.nvml import profiles, sensors
from tests.simulators.nvml.machine import PowerSensor, SimulatedGpu
from tests.simulators.powercap import Zone
from tests.simulators.signals import Constant, Signal, Square, Steps, bursts, deviating
from tests.support.synthetic import BASE_NS, ns, sample_times

RAPL_S = 0.001
"""How often the simulated package counter moves."""
NOISE_W = 1.0
"""Of each published power reading; no real one stays the same to the milliwatt."""
MARGIN_S = 1.3
"""Of trace before the first window and after the last."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """What is read: a card and which of its power sensors, or (None) a package."""

    card: Callable[..., SimulatedGpu] | None
    power: str = "usage"
    has_counter: bool = True
    stated_averaging_s: float | None = None
    """What its meter would say that a reading averages over; None: what is true."""
    stalls: bool = False
    """Whether the power reading is published once a second, from two seconds after a load has ended."""
    jitter: float = 0.0
    """Standard deviation of the times of updates, as a share of their period."""
    wander: float = 0.0
    bend: float = 0.0
    """Slow and constant deviations from a straight line, as in `signals.deviating`."""


COUNTERS: Mapping[str, Sensor] = {
    "v100": Sensor(card=profiles.v100),
    "a100": Sensor(card=profiles.a100),
    "h100 instant": Sensor(card=profiles.h100, power="instant"),
    "h100 average": Sensor(card=profiles.h100, power="average"),
    "gh200": Sensor(card=profiles.gh200, power="instant"),
    "rapl": Sensor(card=None),
}
POWER_ONLY: Mapping[str, Sensor] = {
    name: replace(COUNTERS[name], has_counter=False)
    for name in ("v100", "a100", "h100 instant", "h100 average")
}
REAL: Mapping[str, Sensor] = {
    "rtx3090 average": Sensor(
        card=profiles.rtx3090, stated_averaging_s=1.08, stalls=True, jitter=0.02, wander=0.002
    ),
    "rtx3090 instant": Sensor(card=profiles.rtx3090, power="instant", jitter=0.02, wander=0.002),
    "rtx4090": Sensor(card=profiles.rtx4090, stated_averaging_s=1.0, jitter=0.02, wander=0.002),
    "a100": Sensor(card=profiles.a100, jitter=0.02, wander=0.003),
    "h100 instant": Sensor(card=profiles.h100, power="instant", jitter=0.02, wander=0.002),
}
"""Sensors with the faults of real ones, each with a counter."""
REAL_POWER_ONLY: Mapping[str, Sensor] = {
    name: replace(each, has_counter=False) for name, each in REAL.items()
}
STALLS_BELOW_W = 150.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """A trace, its windows in seconds, and what was really drawn."""

    trace: EnergyTrace
    windows: Sequence[tuple[float, float]]
    power: Signal
    rests: bool = False
    """Whether it is known that nothing was served between the windows."""

    @property
    def true_j(self) -> float:
        return sum(self.power.integral(end) - self.power.integral(start) for start, end in self.windows)

    def budget(self) -> UncertaintyBudget:
        """Return the budget of the energy of all windows."""
        phases = [
            Phase(name="window", start_unix_ns=ns(start), end_unix_ns=ns(end), repeat=number)
            for number, (start, end) in enumerate(self.windows)
        ]
        idle = Phase(name="baseline_loaded", start_unix_ns=ns(0.0), end_unix_ns=phases[0].start_unix_ns)
        quiet_ns = quiet_intervals([idle, *phases], RequestTable.empty()) if self.rests else NONE_QUIET
        rows = window_totals(EnergyAccount(self.trace, quiet_ns), phases, RequestTable.empty())
        budget = energy_over(TOTAL_ENERGY, FigureInputs(rows=rows))
        assert isinstance(budget, UncertaintyBudget)
        return budget


def random_run(sensor: Sensor, seed: int, window_s: float, **channel: Any) -> Run:
    """Return a run of one window, over each kind of power in turn; the seed decides everything else."""
    rng = np.random.default_rng(seed)
    kinds = (_constant, _square, _steps, _wandering, _bursts, _serving)
    start_s = MARGIN_S + rng.uniform(0, 1)
    window = (start_s, start_s + window_s)
    power = kinds[seed % len(kinds)](rng, window)
    return Run(trace=read(sensor, power, window[1] + MARGIN_S, rng, **channel), windows=[window], power=power)


def read(sensor: Sensor, power: Signal, until_s: float, rng: Generator, **channel: Any) -> EnergyTrace:
    """Return what the sampler would have recorded of a sensor whose phases are random."""
    t_s = sample_times(until_s * 1.1 + 1, int(rng.integers(1 << 30)))
    t_s = t_s[t_s < until_s]
    samples = np.zeros(len(t_s), dtype=sample_dtype())
    samples["t_unix_ns"] = BASE_NS + np.round(t_s * 1e9).astype(np.int64)
    samples["energy_j"] = samples["power_w"] = np.nan
    if sensor.card is None:
        one = _read_package(power, t_s, samples)
    else:
        one = _read_card(sensor, _card(sensor, power, until_s, rng), t_s, samples, rng)
    return EnergyTrace(channels=(one.model_copy(update=channel),), samples=samples)


def _read_package(power: Signal, t_s: NDArray[Any], samples: NDArray[Any]) -> Channel:
    zone = Zone(name="package-0", power=power)
    samples["energy_j"] = [zone.counter_uj(math.floor(at / RAPL_S) * RAPL_S) / 1e6 for at in t_s]
    return Channel(
        meter="rapl",
        domain="cpu",
        device="package-0",
        label="CPU package 0",
        method="counter",
        counter_range_j=zone.range_uj / 1e6,
        update_period_s=RAPL_S,
    )


def _card(sensor: Sensor, power: Signal, until_s: float, rng: Generator) -> SimulatedGpu:
    assert sensor.card is not None
    card = sensor.card(power=power)
    if not sensor.wander and not sensor.bend:
        return card
    seed = int(rng.integers(1 << 40))
    seen = deviating(power, until_s=until_s, seed=seed, wander=sensor.wander, bend=sensor.bend)
    return replace(card, seen_power=seen)


def _read_card(
    sensor: Sensor, card: SimulatedGpu, t_s: NDArray[Any], samples: NDArray[Any], rng: Generator
) -> Channel:
    reading: PowerSensor = getattr(card, sensor.power)
    reading = replace(
        reading, phase_s=rng.uniform(0, reading.period_s), jitter_s=sensor.jitter * reading.period_s
    )
    if sensor.stalls:
        until_s = float(t_s[-1])
        reading = replace(
            reading, slow=profiles.stalls_after(card.power, below_w=STALLS_BELOW_W, until_s=until_s)
        )
    assert card.counter is not None
    period_s = card.counter.period_s
    counter = replace(card.counter, phase_s=rng.uniform(0, period_s), jitter_s=sensor.jitter * period_s)
    card = replace(card, counter=counter, noise_w=NOISE_W, noise_seed=int(rng.integers(1 << 40)))
    samples["power_w"] = [sensors.power_mw(card, reading, at) / 1e3 for at in t_s]
    if sensor.has_counter:
        samples["energy_j"] = [sensors.energy_mj(card, at) / 1e3 for at in t_s]
    return Channel(
        meter="nvml",
        domain="gpu",
        device=card.uuid,
        label="GPU 0",
        method="counter" if sensor.has_counter else "sampled",
        averaging_window_s=sensor.stated_averaging_s or reading.box_s,
    )


def _constant(rng: Generator, _window: tuple[float, float]) -> Signal:
    return Constant(rng.uniform(60, 600))


def _square(rng: Generator, _window: tuple[float, float]) -> Signal:
    """Return a square wave that goes round in 60 ms to 2 s."""
    period_s = math.exp(rng.uniform(math.log(0.06), math.log(2.0)))
    return Square(
        low=rng.uniform(60, 200),
        high=rng.uniform(220, 650),
        period_s=period_s,
        duty=rng.uniform(0.1, 0.9),
        phase_s=rng.uniform(0, period_s),
    )


def _steps(rng: Generator, window: tuple[float, float]) -> Signal:
    times = np.cumsum(rng.uniform(0.02, 0.8, int((window[1] + MARGIN_S) / 0.2)))
    return Steps(rng.uniform(60, 600), [(float(at), float(rng.uniform(60, 600))) for at in times])


def _wandering(rng: Generator, window: tuple[float, float]) -> Signal:
    """Return noise that forgets itself within 30 ms to 1 s (Ornstein and Uhlenbeck), in steps of 5 to 20 ms."""
    step_s = float(rng.choice([0.005, 0.01, 0.02]))
    forgets = step_s / math.exp(rng.uniform(math.log(0.03), 0.0))
    mean_w, deviation_w = rng.uniform(150, 450), rng.uniform(5, 80)
    state, steps = 0.0, []
    for number in range(int((window[1] + MARGIN_S) / step_s)):
        state += math.sqrt(2 * forgets) * float(rng.normal()) - forgets * state
        steps.append((number * step_s, max(30.0, mean_w + deviation_w * state)))
    return Steps(mean_w, steps)


def _bursts(rng: Generator, window: tuple[float, float]) -> Signal:
    at_s, each = 0.1, []
    while at_s < window[1] + MARGIN_S:
        length_s = rng.uniform(0.02, 0.5)
        each.append((at_s, length_s, rng.uniform(250, 650)))
        at_s += length_s + rng.uniform(0.02, 0.8)
    return bursts(rng.uniform(60, 200), each)


def _serving(rng: Generator, window: tuple[float, float]) -> Signal:
    """Return an idle machine that works in the window alone: peaks of prefill, and the decoding after them."""
    return Steps(rng.uniform(50, 110), serving_steps(rng, [window]))


def serving_steps(rng: Generator, windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return steps of power that are idle between windows."""
    steps, idle_w = [], float(rng.uniform(50, 110))
    for start_s, end_s in windows:
        at_s = start_s
        while at_s < end_s:
            prefill_s = float(rng.uniform(0.03, 0.3))
            steps.append((at_s, float(rng.uniform(350, 650))))
            if at_s + prefill_s < end_s:
                steps.append((at_s + prefill_s, float(rng.uniform(180, 400))))
            at_s += prefill_s + float(rng.uniform(0.2, 2.0))
        steps.append((end_s, idle_w))
    return steps


def prefilled(
    windows: Sequence[tuple[float, float]],
    *,
    peak_s: float = 0.04,
    peak_w: float = 690.0,
    decoding_w: float = 260.0,
    idle_w: float = 80.0,
) -> Steps:
    """Return power that is idle between windows, each of which begins with one short peak."""
    steps: list[tuple[float, float]] = []
    for start_s, end_s in windows:
        steps += [(start_s, peak_w), (start_s + peak_s, decoding_w), (end_s, idle_w)]
    return Steps(idle_w, steps)
