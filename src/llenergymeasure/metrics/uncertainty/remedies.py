"""Remedies that halve a term of an uncertainty budget, as settings that can be pasted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.statistics.student import half_width_beyond, student_t

MOST_REPEATS = 10_000
"""Limit of the search, far above what `measurement.repeats` is used with."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Number of windows, and their mean duration."""

    count: int
    duration_s: float

    @property
    def total_s(self) -> float:
        return self.count * self.duration_s


def halve_spread(half_width: float, random: float, windows: Windows) -> str:
    """State how many more windows halve the spread's own part; both widths in the unit of the figure.

    `random` is the half-width of the mean of the windows by the random terms of the meters alone.
    """
    wanted = half_width_beyond(half_width, random) / 2
    count = windows.count
    deviation = half_width / _mean_factor(count)
    for more in range(count + 1, MOST_REPEATS):
        random_then = random * math.sqrt(count / more)
        if half_width_beyond(deviation * _mean_factor(more), random_then) <= wanted:
            added_s = (more - count) * windows.duration_s
            return (
                f"repeat {seconds_text(added_s)} longer: {_plural(more - count, 'more window')} of "
                f"{seconds_text(windows.duration_s)} (measurement.repeats: {{min: {more}, max: {more}}})"
            )
    return f"no number of repeats under {MOST_REPEATS:,}"


def halve_by_longer_windows(times: int, windows: Windows) -> str:
    """State the duration of windows that are `times` as long."""
    text = {2: "twice", 4: "four times"}[times]
    return (
        f"windows {text} as long: measurement.window.min_duration_s: {_round_up(times * windows.duration_s)}"
    )


def halve_baseline(baseline_s: float | None, setting: str) -> str:
    """State how long to idle: the interval of the mean idle power narrows with the square root of the time."""
    if baseline_s is None:
        return "measure the idle power anew, not an earlier run's: measurement.baseline.reuse_max_age_s: 0"
    return f"idle four times as long: measurement.baseline.{setting}: {_round_up(4 * baseline_s)}"


def halve_gain(channels: Sequence[Channel]) -> str:
    """State how a systematic error is determined."""
    if all(channel.method == "estimated" for channel in channels):
        return "measure instead of estimating: `llem doctor` says what keeps a meter from being read"
    boards = [channel for channel in channels if channel.domain == "gpu"]
    what = "this board" if len(boards) == len(channels) == 1 else "these sensors"
    return f"calibrate {what} against a meter at the wall: llem calibrate --wall-meter CSV"


def halve_linearity() -> str:
    """State what makes the deviation of a sensor smaller."""
    return (
        "windows four times as long (measurement.window.min_duration_s) halve what wanders; what is bent stays: "
        "compare at like power, or calibrate against a meter at the wall: llem calibrate --wall-meter CSV"
    )


def seconds_text(seconds: float) -> str:
    """Return a duration for a sentence: `0.85 s`, `9.5 s`, `40 s`, `12 min`."""
    if seconds >= 600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _mean_factor(count: int) -> float:
    return student_t(count - 1) / math.sqrt(count)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _round_up(seconds: float) -> str:
    """Round up to two significant digits, so that what is asked for is enough."""
    places = 1 - math.floor(math.log10(seconds))
    scale = 10.0**places
    return f"{math.ceil(seconds * scale - 1e-9) / scale:.{max(places, 0)}f}"
