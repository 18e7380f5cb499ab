"""Construction of the energy curves of a trace, one per channel."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.sample import error_text
from llenergymeasure.domain.trace import Channel, EnergyTrace
from llenergymeasure.metrics.energy.counter_curve import CounterCurve
from llenergymeasure.metrics.energy.curve import EnergyCurve, KnownRange, UnknownCurve
from llenergymeasure.metrics.energy.deconvolved_curve import deconvolved_curve
from llenergymeasure.metrics.energy.quiet import NONE_QUIET
from llenergymeasure.metrics.energy.sampled_curve import power_gaps, sampled_curve
from llenergymeasure.metrics.signals.averaging_time import WHOLE_PERIOD, find_averaging_time
from llenergymeasure.metrics.signals.counter_freeze import find_freezes
from llenergymeasure.metrics.signals.counter_ticks import locate_ticks
from llenergymeasure.metrics.signals.counter_unwrap import unwrap
from llenergymeasure.metrics.signals.deconvolution import deconvolve
from llenergymeasure.metrics.signals.power_updates import find_power_updates, find_update_grid
from llenergymeasure.metrics.signals.quiet_edges import add_quiet_edges
from llenergymeasure.metrics.signals.sub_tick_power import sub_tick_power

LEAST_STILL_S = 0.5
"""A counter of a processor or memory moves every millisecond, also at idle (`meters.rapl.zones.UPDATE_PERIOD_S`)."""


def build_curves(trace: EnergyTrace, quiet_ns: NDArray[np.int64] = NONE_QUIET) -> tuple[EnergyCurve, ...]:
    """Return the energy curve of every channel, in the trace's order.

    A counter that never moved, or could never be read, is replaced by its channel's power readings where there are any.
    Here, and nowhere else, readings are multiplied by their channel's gain. A counter of memory or of a processor that
    never moved, while a processor's did, has nothing behind it: it is not included in the total.
    """
    curves = [
        _curve(channel, _corrected(trace.of(index), channel.gain), trace.interrupted, quiet_ns)
        for index, channel in enumerate(trace.channels)
    ]
    moving = {curve.channel.meter for curve in curves if _counts_a_processor(curve)}
    return tuple(
        _absent(curve)
        if isinstance(curve, UnknownCurve) and curve.channel.meter in moving and _never_moved(trace.of(index))
        else curve
        for index, curve in enumerate(curves)
    )


def _counts_a_processor(curve: EnergyCurve) -> bool:
    return isinstance(curve, CounterCurve) and curve.channel.domain == "cpu" and curve.method == "counter"


def _never_moved(samples: NDArray[Any]) -> bool:
    """Return whether a counter was read from the first sample to the last, and showed one value."""
    values = samples["energy_j"]
    if len(samples) < 2 or not np.isfinite(values).all():
        return False
    span_s = (samples["t_unix_ns"][-1] - samples["t_unix_ns"][0]) / 1e9
    return bool(span_s >= LEAST_STILL_S and (values == values[0]).all())


def _absent(curve: UnknownCurve) -> UnknownCurve:
    if curve.channel.domain not in ("cpu", "dram"):
        return curve
    channel = curve.channel.model_copy(update={"included_in_total": False})
    return replace(curve, channel=channel, is_absent=curve.channel.included_in_total)


def _corrected(samples: NDArray[Any], gain: float) -> NDArray[Any]:
    if gain == 1.0:
        return samples
    corrected: NDArray[Any] = samples.copy()
    corrected["energy_j"] *= gain
    corrected["power_w"] *= gain
    return corrected


def _curve(
    channel: Channel, samples: NDArray[Any], interrupted: str | None, quiet_ns: NDArray[np.int64]
) -> EnergyCurve:
    if channel.method == "sampled":
        return _sampled(channel, samples, interrupted, quiet_ns) or _unknown(channel, samples)
    return (
        _counter(channel, samples, interrupted, quiet_ns)
        or _sampled(channel, samples, interrupted, quiet_ns)
        or _unknown(channel, samples)
    )


def _counter(
    channel: Channel, samples: NDArray[Any], interrupted: str | None, quiet_ns: NDArray[np.int64]
) -> CounterCurve | None:
    read = samples[np.isfinite(samples["energy_j"])]
    if len(read) < 2:
        return None
    origin_ns = int(samples["t_unix_ns"][0])
    range_j = None if channel.counter_range_j is None else channel.counter_range_j * channel.gain
    rising = unwrap(_seconds(read, origin_ns), read["energy_j"], range_j)
    ticks = locate_ticks(rising.t_s, rising.energy_j, channel.update_period_s)
    if len(ticks) < 2:
        return None
    ticks = add_quiet_edges(ticks, (quiet_ns - origin_ns) / 1e9)
    gap_s = float(np.median(np.diff(rising.t_s)))
    powered = samples[np.isfinite(samples["power_w"])]
    power = (_seconds(powered, origin_ns), powered["power_w"])
    can_freeze = channel.method != "estimated"  # a model may say 0 W for as long as it likes
    freezes = find_freezes(rising.t_s, rising.energy_j, power) if can_freeze else ()
    known = KnownRange(
        origin_ns=origin_ns,
        first_s=float(ticks.t_s[0]),
        last_s=float(ticks.t_s[-1]),
        reach_s=1.5 * (ticks.period_s or 0.0) + 3 * gap_s,
        began=_began(read),
        ended=_ended(samples, read, interrupted),
        faults=(*rising.faults, *freezes),
    )
    return CounterCurve(
        channel=channel,
        method=channel.method,
        known=known,
        ticks=ticks,
        sub_tick_power=sub_tick_power(ticks, *power, channel.averaging_window_s),
    )


def _sampled(
    channel: Channel, samples: NDArray[Any], interrupted: str | None, quiet_ns: NDArray[np.int64]
) -> EnergyCurve | None:
    read = samples[np.isfinite(samples["power_w"])]
    if channel.method == "estimated" or len(read) < 2:
        return None
    known = _sampled_range(samples, read, interrupted)
    t_s, power_w = _seconds(read, known.origin_ns), read["power_w"]
    grid = find_update_grid(t_s, power_w, longest_s=channel.update_period_s)
    if grid is not None:
        averaging_s = find_averaging_time(grid, channel.averaging_window_s)
        channel = _averaging(channel, averaging_s)
        if averaging_s is not None and averaging_s >= WHOLE_PERIOD * grid.period_s:
            power = deconvolve(grid, averaging_s)
            if power is not None:
                return deconvolved_curve(channel, known, power, (quiet_ns - known.origin_ns) / 1e9)
            grid = None
    return sampled_curve(channel, known, t_s, power_w, grid)


def curve_of_short_means(counter: CounterCurve, samples: NDArray[Any]) -> EnergyCurve:
    """Return the energy by the power readings beside a counter, `samples` of its channel, a straight line between them.

    They stand for whole update periods; that they average over longer is ruled out, and not searched for.
    """
    channel = counter.channel.model_copy(update={"method": "sampled", "averaging_window_s": None})
    samples = _corrected(samples, channel.gain)
    read = samples[np.isfinite(samples["power_w"])]
    if len(read) < 2:
        return _unknown(channel, samples)
    known = _sampled_range(samples, read, None)
    t_s, power_w, beside = _seconds(read, known.origin_ns), read["power_w"], counter.sub_tick_power
    updates = find_power_updates(t_s, power_w) if beside is None else beside.updates
    grid = find_update_grid(t_s, power_w, longest_s=channel.update_period_s, published=updates)
    return sampled_curve(channel, known, t_s, power_w, grid)


def _sampled_range(samples: NDArray[Any], read: NDArray[Any], interrupted: str | None) -> KnownRange:
    """Return the range of the power readings `read` among all samples of a channel."""
    origin_ns = int(samples["t_unix_ns"][0])
    t_s = _seconds(read, origin_ns)
    return KnownRange(
        origin_ns=origin_ns,
        first_s=float(t_s[0]),
        last_s=float(t_s[-1]),
        reach_s=3 * float(np.median(np.diff(t_s))),
        began=_began(read),
        ended=_ended(samples, read, interrupted),
        faults=power_gaps(t_s),
    )


def _averaging(channel: Channel, found_s: float | None) -> Channel:
    """Return the channel with the averaging time that its readings show, and a note where another one was stated."""
    stated_s = channel.averaging_window_s
    if found_s == stated_s:
        return channel
    stated = "nothing was stated" if stated_s is None else f"not the stated {stated_s:g} s"
    found = "a part of their period that is not known" if found_s is None else f"{found_s:g} s"
    note = f"the readings show that they average over {found}, {stated}"
    notes = [channel.note, note] if channel.note else [note]
    return channel.model_copy(update={"averaging_window_s": found_s, "note": "; ".join(notes)})


def _unknown(channel: Channel, samples: NDArray[Any]) -> UnknownCurve:
    if len(samples) == 0:
        reason = "it was never read"
    elif (samples["error"] != 0).all():
        reason = error_text(int(samples["error"][-1]))
    elif np.isfinite(samples["energy_j"]).sum() > 1:
        fell = (np.diff(samples["energy_j"]) < 0).any()
        reason = "the energy counter only went back" if fell else "the energy counter did not move"
    else:
        reason = "too few readings"
    return UnknownCurve(channel=channel, method=channel.method, reason=reason)


def _seconds(samples: NDArray[Any], origin_ns: int) -> NDArray[Any]:
    seconds: NDArray[Any] = (samples["t_unix_ns"] - origin_ns) / 1e9
    return seconds


def _began(read: NDArray[Any]) -> str:
    return f"it was not read before {_clock_time(int(read['t_unix_ns'][0]))}"


def _ended(samples: NDArray[Any], read: NDArray[Any], interrupted: str | None) -> str:
    """Return why nothing is known after the last reading: refused, or not sampled any more."""
    last = _clock_time(int(read["t_unix_ns"][-1]))
    if samples["error"][-1] != 0:
        return f"after {last} {error_text(int(samples['error'][-1]))}"
    return f"it was not read after {last}" + (f": {interrupted}" if interrupted else "")


def _clock_time(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / 1e9, tz=timezone.utc).strftime("%H:%M:%S UTC")
