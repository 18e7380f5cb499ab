"""Check of power readings that see a part of the time only: a load in step with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.sampled_curve import SampledCurve
from llenergymeasure.metrics.signals.beating_load import EXPLAINED, explained_share, slow_swing

LOAD_BEATS = WarningCode(
    code="load_beats_with_sensor",
    meaning="The power readings of a card that shows only a part of the time (A100, or H100 read without its counter: "
    "25 of every 100 ms) go slowly and smoothly up and down, while utilisation, clock and requests under way do not. "
    "The load may repeat itself nearly in step with the sensor, which then sees one phase of the load for long.",
    remedy="Vary the batch size or the lengths of the answers and compare, measure windows of several swings "
    "(measurement.window.min_duration_s; a load that repeats every 101 ms makes the readings of every 100 ms swing "
    "once in 10 s, a nearer one in longer), or use a meter with an energy counter.",
    severity=Levels(of="half of the swing of the readings over their mean", warning=0.05),
    because="The energy may be off by as much as the readings swing, and its interval contains none of that. Power may "
    "swing so by itself, so it is a warning at most. No warning does not mean that there is no beat: nearer in step, "
    "the readings do not even swing.",
)
SETTLED_S = 0.2
"""Readings of the first part of a window still contain the time before it."""
PART = 0.4
"""Of sensors that average over more of their period hardly a beat is off by 5 % (10 of 20 ms, V100), and each of their
readings is so close to the next that ordinary power swings slowly, too (`benchmarks/beating_loads.py`)."""


def check_load_does_not_beat(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Readings of a sensor without a counter that swing slowly though the work does not."""
    warmup = [each for each in inputs.phases if each.name == "warmup"]
    for index, curve in enumerate(inputs.account.curves):
        if not isinstance(curve, SampledCurve) or not _sees_a_part(curve):
            continue
        swings = (
            _unexplained_swing(curve, inputs.account.trace.of(index), stretches, inputs.requests)
            for stretches in (inputs.windows, [*warmup, *inputs.windows])
        )
        swing = next((each for each in swings if each is not None), None)
        if swing is not None:
            yield from LOAD_BEATS.raised(
                f"The power readings of {curve.channel.label}, which see only a part of the time, swing slowly by "
                f"±{swing:.0%} while the model works, and neither utilisation, clock nor requests do: the load may be "
                "nearly in step with the sensor, and the energy be off by as much.",
                magnitude=swing,
            )


def _sees_a_part(curve: SampledCurve) -> bool:
    averaging_s = curve.channel.averaging_window_s
    if averaging_s is None:
        return True
    return len(curve.t_s) > 1 and averaging_s < PART * float(np.median(np.diff(curve.t_s)))


def _unexplained_swing(
    curve: SampledCurve, samples: NDArray[Any], stretches: Sequence[Phase], requests: RequestTable
) -> float | None:
    """Return the slow swing of the readings in stretches of work; None without one, or where the work explains it."""
    published_ns = curve.known.origin_ns + np.round(curve.t_s * 1e9).astype(np.int64)
    swing = slow_swing([curve.power_w[_within(published_ns, each)] for each in stretches])
    if swing is None:
        return None
    samples = samples[np.isfinite(samples["power_w"])]
    whole = np.concatenate([samples[_within(samples["t_unix_ns"], each)] for each in stretches])
    state = [whole[name].astype(float) for name in ("utilisation_pct", "sm_clock_mhz")]
    share = explained_share(whole["power_w"], [*state, *_work(requests, whole["t_unix_ns"])])
    return None if share is not None and share > EXPLAINED else swing


def _within(t_unix_ns: NDArray[np.int64], window: Phase) -> NDArray[np.bool_]:
    settled_ns = window.start_unix_ns + round(SETTLED_S * 1e9)
    inside: NDArray[np.bool_] = (t_unix_ns >= settled_ns) & (t_unix_ns < window.end_unix_ns)
    return inside


def _work(requests: RequestTable, t_unix_ns: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Return how many requests were under way at each moment, how many without a token yet, and their ages summed."""
    start_ns, end_ns = requests.service_start_unix_ns(), requests.closed_unix_ns
    by_start, by_end = np.argsort(start_ns), np.argsort(end_ns)
    begun = np.searchsorted(start_ns[by_start], t_unix_ns)
    ended = np.searchsorted(end_ns[by_end], t_unix_ns)
    answered = np.searchsorted(np.sort(requests.first_token_unix_ns), t_unix_ns)
    origin_ns = int(t_unix_ns[0])
    started_s = (start_ns - origin_ns) / 1e9
    sums_s = [np.concatenate([[0.0], np.cumsum(started_s[order])]) for order in (by_start, by_end)]
    under_way = (begun - ended).astype(float)
    ages_s = under_way * (t_unix_ns - origin_ns) / 1e9 - (sums_s[0][begun] - sums_s[1][ended])
    return under_way, (begun - answered).astype(float), ages_s
