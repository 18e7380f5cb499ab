"""Calibration profile of each sensor, from the trace of a known load."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.calibration import LoadStep, SensorProfile
from llenergymeasure.domain.trace import Channel, EnergyTrace
from llenergymeasure.metrics.calibration.averaging_window import fit_averaging
from llenergymeasure.metrics.calibration.counter_power_ratio import counter_over_power
from llenergymeasure.metrics.calibration.publishing_stall import find_stall
from llenergymeasure.metrics.calibration.settled_interval import MeanPowers, mean_powers_w, settled_interval
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import EnergyCurve
from llenergymeasure.metrics.signals.power_updates import PowerUpdates, find_power_updates
from llenergymeasure.metrics.statistics.student import mean_half_width

LEAST_RESPONSE = 0.05
"""A sensor whose reading rises by less than this share of it does not respond to the load."""
FEWEST_PAIRS = 20
MODEL = "a power model has no sensor"
POWER_FIGURES = ("power_period_s", "averaging_window_s", "publishing_stall_s", "power_noise_w")
NO_POWER = "it reports no power"
NO_PERIOD = "readings appear at no fixed period, or faster than read"


@dataclass(frozen=True, kw_only=True)
class CalibrationOrigin:
    """Origin of a calibration: its time, the version of this tool, the load."""

    made_unix_ns: int
    tool_version: str
    load: str


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Profiles of the sensors that respond to the load; for the others, by label, why there is none."""

    profiles: tuple[SensorProfile, ...]
    refused: Mapping[str, str]


def calibrate_sensors(
    trace: EnergyTrace, steps: Sequence[LoadStep], origin: CalibrationOrigin
) -> Calibration:
    """Return the profile of every sensor of the trace that followed the load."""
    curves = build_curves(trace)
    powers = [mean_powers_w(curve, [step for step in steps if step.steady]) for curve in curves]
    responses = [_response(power, steps) for power in powers]
    included = [
        power.power_w
        for curve, power, (_, _, refusal) in zip(curves, powers, responses, strict=True)
        if refusal is None and curve.channel.included_in_total
    ]
    steps_with_power = _with_power(steps, included)
    profiles: list[SensorProfile] = []
    refused: dict[str, str] = {}
    for index, (curve, (idle_w, loaded_w, refusal)) in enumerate(zip(curves, responses, strict=True)):
        if refusal is not None:
            refused[curve.channel.label] = refusal
            continue
        known, unknown = _sensor_figures(curve, trace.of(index), steps)
        profiles.append(
            SensorProfile(
                **dict(curve.channel.key),
                included_in_total=curve.channel.included_in_total,
                made_unix_ns=origin.made_unix_ns,
                tool_version=origin.tool_version,
                idle_power_w=idle_w,
                loaded_power_w=loaded_w,
                stated_averaging_s=curve.channel.averaging_window_s,
                **known,
                unknown=unknown,
                load=origin.load,
                steps=steps_with_power,
            )
        )
    return Calibration(profiles=tuple(profiles), refused=refused)


def _response(powers: MeanPowers, steps: Sequence[LoadStep]) -> tuple[float, float, str | None]:
    """Return the power without and under load, and why it cannot be claimed that the sensor responds to the load."""
    loaded = np.array([step.loaded for step in steps if step.steady], dtype=bool)
    idle, busy = powers.power_w[~loaded].tolist(), powers.power_w[loaded].tolist()
    if powers.reason is not None or len(idle) < 2 or len(busy) < 2:
        return 0.0, 0.0, powers.reason or "the load had too few steady steps"
    idle_w, busy_w = math.fsum(idle) / len(idle), math.fsum(busy) / len(busy)
    spreads_w = (mean_half_width(idle), mean_half_width(busy))
    if spreads_w[0] is None or spreads_w[1] is None:
        return idle_w, busy_w, "the spread of its steady steps is unknown"
    half_width_w = math.hypot(spreads_w[0], spreads_w[1])
    if busy_w - idle_w > max(half_width_w, LEAST_RESPONSE * busy_w):
        return idle_w, busy_w, None
    return idle_w, busy_w, f"it showed {idle_w:.1f} W without load and {busy_w:.1f} W under it"


def _with_power(steps: Sequence[LoadStep], powers_w: Sequence[NDArray[np.float64]]) -> tuple[LoadStep, ...]:
    """Return the steps, the steady ones with the summed power of the included sensors that respond to the load."""
    totals_w = iter(np.sum(powers_w, axis=0).tolist() if powers_w else ())
    return tuple(
        step.model_copy(update={"power_w": next(totals_w, None) if step.steady else None}) for step in steps
    )


def _sensor_figures(
    curve: EnergyCurve, samples: NDArray[Any], steps: Sequence[LoadStep]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the figures by field name, and for those that are not known the reason."""
    channel = curve.channel
    figures: dict[str, float | str | None] = {}
    if channel.method == "estimated":
        figures.update(dict.fromkeys(("counter_period_s", *POWER_FIGURES), MODEL))
    else:
        figures["counter_period_s"] = _counter_period(curve)
        figures.update(_power_figures(samples, steps))
    ratio = counter_over_power(channel, samples, steps)
    known: dict[str, Any] = {name: value for name, value in figures.items() if not isinstance(value, str)}
    unknown = {name: value for name, value in figures.items() if isinstance(value, str)}
    if isinstance(ratio, str):
        unknown["counter_over_power"] = ratio
    else:
        known["counter_over_power"] = ratio
    return known, unknown


def _counter_period(curve: EnergyCurve) -> float | str:
    channel: Channel = curve.channel
    if channel.method == "sampled" or not isinstance(curve, CounterCurve):
        return "it has no energy counter that moves"
    if curve.ticks.period_s is not None:
        return curve.ticks.period_s
    if channel.update_period_s is not None:
        return channel.update_period_s
    return "it moves at no fixed period, or faster than it is read"


def _power_figures(samples: NDArray[Any], steps: Sequence[LoadStep]) -> dict[str, float | str | None]:
    read = samples[np.isfinite(samples["power_w"])]
    if len(read) < 2:
        return dict.fromkeys(POWER_FIGURES, NO_POWER)
    origin_ns = int(read["t_unix_ns"][0])
    t_s, power_w = (read["t_unix_ns"] - origin_ns) / 1e9, read["power_w"]
    rests_s = _rests_s(steps, origin_ns)
    busy = np.ones(len(t_s), dtype=bool)
    for start_s, end_s in rests_s:
        busy &= (t_s < start_s) | (t_s >= end_s)
    published = find_power_updates(t_s[busy], power_w[busy])  # without load a sensor may stall
    return {
        "power_period_s": published.period_s or NO_PERIOD,
        **_averaging(published, steps, origin_ns),
        **_stall(t_s, power_w, published.period_s, rests_s),
        "power_noise_w": _noise(published, steps, origin_ns),
    }


def _stall(
    t_s: NDArray[Any],
    power_w: NDArray[Any],
    period_s: float | None,
    rests_s: Sequence[tuple[float, float]],
) -> dict[str, float | str | None]:
    found = NO_PERIOD if period_s is None else find_stall(t_s, power_w, period_s, rests_s)
    if isinstance(found, str):
        return {"publishing_stall_s": found}
    return {"publishing_stall_s": found.hold_s, "stall_begins_s": found.begins_s}


def _rests_s(steps: Sequence[LoadStep], origin_ns: int) -> list[tuple[float, float]]:
    """Return the long times without load that come after a load."""
    return [
        ((step.start_unix_ns - origin_ns) / 1e9, (step.end_unix_ns - origin_ns) / 1e9)
        for before, step in pairwise(steps)
        if step.steady and before.loaded and not step.loaded
    ]


def _averaging(
    published: PowerUpdates, steps: Sequence[LoadStep], origin_ns: int
) -> dict[str, float | str | None]:
    """Fit on the short steps: between long ones clocks and leakage drift."""
    short = [step for step in steps if not step.steady]
    switched_s = [(step.start_unix_ns - origin_ns) / 1e9 for step in short]
    while short and not short[0].loaded:
        short, switched_s = short[1:], switched_s[1:]
    if not switched_s:
        return {"averaging_window_s": "the load had no short steps"}
    ended_s = (short[-1].end_unix_ns - origin_ns) / 1e9
    fit = fit_averaging(published.between(switched_s[0], ended_s).evenly_spaced(), [*switched_s, ended_s])
    if fit is None:
        return {"averaging_window_s": "too few readings changed"}
    if not fit.followed:
        share = f"{100 * fit.explained:.0f} % of their variance"
        return {"averaging_window_s": f"its readings followed the load too loosely ({share})"}
    return {
        "averaging_window_s": fit.window_s,
        "averaging_half_width_s": fit.half_width_s,
        "response_delay_s": fit.delay_s,
    }


def _noise(published: PowerUpdates, steps: Sequence[LoadStep], origin_ns: int) -> float | str:
    """Return the scatter of readings under the steady load, from successive differences (von Neumann 1941).

    A slow drift of the load does not count; its own quick changes do.
    """
    squares: list[float] = []
    for step in steps:
        if step.steady and step.loaded:
            start_s, end_s = ((edge - origin_ns) / 1e9 for edge in settled_interval(step))
            squares.extend(np.diff(published.between(start_s, end_s).power_w) ** 2)
    if len(squares) < FEWEST_PAIRS:
        return "under the steady load its readings hardly ever changed"
    return math.sqrt(math.fsum(squares) / len(squares) / 2)
