"""Gain of sensors relative to a wall meter under the same known load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.calibration import LoadStep, WallGain, reference_error
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.metrics.calibration.settled_interval import settled_interval
from llenergymeasure.metrics.statistics.student import student_t

LARGEST_OFFSET_S = 900.0
COARSE_S, FINE_S = 0.25, 0.02
FOLLOWS = 0.8
"""Least correlation of the wall meter with the load; noise reaches 0.2."""
COVERED = 0.95
SHORTEST_BIN_S = 0.1
FEWEST_STEPS = 6
CLEAR = 2.0
"""Times the variance that the wall meter's own scatter gives the steps: more is of the sensors."""


class NoGainError(Exception):
    """Why the wall meter's log says nothing about the sensors."""


@dataclass(frozen=True, kw_only=True)
class WallMeter:
    """A wall meter as the user describes it: relative 95 % error, and efficiency of the power supply behind it."""

    meter_error: float
    psu_efficiency: float | None


def wall_gain(
    steps: Sequence[LoadStep],
    t_s: NDArray[Any],
    power_w: NDArray[Any],
    meter: WallMeter,
    sensors: Sequence[str],
) -> WallGain:
    """Return the gain of the summed sensors from the log `power_w` at Unix seconds `t_s`, both of shape (n,).

    The clocks are brought together where log and load correlate best. Then the wall power of the steady steps is
    regressed on what the sensors showed and on time, so that what is drawn all the time, and a slow drift of it, do not
    count.

    Raises:
        NoGainError: the log does not cover the load, or does not follow it.
    """
    t_s, power_w = _binned(t_s, power_w)
    offset_s = _clock_offset(steps, t_s, power_w)
    line = _line(steps, t_s - offset_s, power_w)
    efficiency = meter.psu_efficiency if meter.psu_efficiency is not None else 1.0
    reference = reference_error(meter.meter_error, meter.psu_efficiency)
    gain = line.slope * efficiency
    half = math.hypot(line.half_width * efficiency, gain * reference)
    return WallGain(
        gain=Estimate(value=gain, low=gain - half, high=gain + half, unit="1", method="derived"),
        psu_efficiency=meter.psu_efficiency,
        meter_error=meter.meter_error,
        clock_offset_s=offset_s,
        sensors=tuple(sensors),
        deviation_w=None if line.deviation_w is None else line.deviation_w * efficiency,
        deviation_over_s=line.step_s,
    )


def _binned(t_s: NDArray[Any], power_w: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Average the readings of each tenth of a second."""
    _, first = np.unique(np.floor(t_s / SHORTEST_BIN_S), return_index=True)
    counts = np.diff(np.append(first, len(t_s)))
    return np.add.reduceat(t_s, first) / counts, np.add.reduceat(power_w, first) / counts


def _clock_offset(steps: Sequence[LoadStep], t_s: NDArray[Any], power_w: NDArray[Any]) -> float:
    """Return by how much the wall meter's clock is ahead: where its log correlates best with the load.

    A reading is taken as the mean over the time since the one before; where it is not, the offset takes that up.
    """
    edges_s, loaded_s = _load_integral(steps)
    coarse = np.arange(-LARGEST_OFFSET_S, LARGEST_OFFSET_S + COARSE_S, COARSE_S)
    scores = [_correlation(offset, t_s, power_w, edges_s, loaded_s) for offset in coarse]
    if max(scores) == -math.inf:
        raise NoGainError(
            f"it does not cover the load within {LARGEST_OFFSET_S / 60:.0f} minutes of clock offset: the load began "
            f"{edges_s[0] - t_s[0]:+.0f} s after the log and ended {t_s[-1] - edges_s[-1]:+.0f} s before its end"
        )
    near = float(coarse[int(np.argmax(scores))])
    fine = near + np.arange(-2 * COARSE_S, 2 * COARSE_S, FINE_S)
    scores = [_correlation(offset, t_s, power_w, edges_s, loaded_s) for offset in fine]
    best = int(np.argmax(scores))
    if scores[best] < FOLLOWS:
        raise NoGainError(
            f"its power does not follow the load: the best correlation, at a clock offset of {fine[best]:+.1f} s, is "
            f"{scores[best]:.2f}. Was it on this machine's plug, and was nothing else running?"
        )
    return float(fine[best])


def _load_integral(steps: Sequence[LoadStep]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the edges of the steps, in Unix seconds, and how long the load had been on at each."""
    edges_s = np.array([steps[0].start_unix_ns, *(step.end_unix_ns for step in steps)]) / 1e9
    on = np.array([step.loaded for step in steps])
    return edges_s, np.concatenate([[0.0], np.cumsum(np.diff(edges_s) * on)])


def _correlation(
    offset_s: float, t_s: NDArray[Any], power_w: NDArray[Any], edges_s: NDArray[Any], loaded_s: NDArray[Any]
) -> float:
    """Return the correlation of log and load at one clock offset; minus infinity where it does not cover the load."""
    seconds = t_s - offset_s
    first, last = np.searchsorted(seconds, [edges_s[0], edges_s[-1]])
    if last - first < 3:
        return -math.inf
    unseen_s = seconds[first] - edges_s[0] + edges_s[-1] - seconds[last - 1]
    if unseen_s > (1 - COVERED) * (edges_s[-1] - edges_s[0]):
        return -math.inf
    until_s = seconds[first:last]
    share = np.diff(np.interp(until_s, edges_s, loaded_s)) / np.diff(until_s)
    seen_w = power_w[first + 1 : last]
    spread = float(share.std() * seen_w.std())
    return float(((share - share.mean()) * (seen_w - seen_w.mean())).mean()) / spread if spread > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Watts at the wall per reported watt, with its 95 % half-width, and the scatter about the line in watts."""

    slope: float
    half_width: float
    deviation_w: float | None
    step_s: float


def _line(steps: Sequence[LoadStep], t_s: NDArray[Any], power_w: NDArray[Any]) -> _Line:
    """Fit the line to the steady steps, together with a drift in time."""
    rows: list[tuple[float, float, float, float, float]] = []
    for step in steps:
        start_s, end_s = (edge / 1e9 for edge in settled_interval(step))
        wall_w = power_w[(t_s >= start_s) & (t_s < end_s)]
        if step.steady and step.power_w is not None and len(wall_w) >= 2:
            mean_error_w2 = float((np.diff(wall_w) ** 2).mean()) / 2 / len(wall_w)
            rows.append(
                (step.power_w, (start_s + end_s) / 2, float(wall_w.mean()), mean_error_w2, end_s - start_s)
            )
    if len(rows) < FEWEST_STEPS:
        raise NoGainError(
            f"only {len(rows)} of the steady steps have two readings or more: log every second, or calibrate longer"
        )
    reported_w, middle_s, wall_w, mean_error_w2, length_s = np.array(rows).T
    design = np.stack(
        [np.ones(len(rows)), reported_w - reported_w.mean(), middle_s - middle_s.mean()], axis=1
    )
    solution, _, _, _ = np.linalg.lstsq(design, wall_w, rcond=None)
    freedom = len(rows) - design.shape[1]
    variance = float(((wall_w - design @ solution) ** 2).sum()) / freedom
    deviation = math.sqrt(variance * float(np.linalg.inv(design.T @ design)[1, 1]))
    scatter_w2 = float(mean_error_w2.mean())
    seen = variance > CLEAR * scatter_w2
    return _Line(
        slope=float(solution[1]),
        half_width=student_t(freedom) * deviation,
        deviation_w=math.sqrt(variance - scatter_w2) if seen else None,
        step_s=float(length_s.mean()),
    )
