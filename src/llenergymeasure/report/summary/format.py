"""Numbers as text: rounded to the precision of their interval, with an SI prefix."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llenergymeasure.domain.estimate import Estimate

SIGNIFICANT = 4
"""Digits of a figure whose interval is unknown; a judgement: no meter is better than 0.1 %."""
LOPSIDED = 0.05
"""Difference of the two sides of an interval, over its width, from which both ends are shown."""
ROUNDING = 1e-12
"""A relative half-width below it is what sums of floating-point numbers leave (2.2e-16 each)."""
NOTHING = 1e-9
"""Joules, watts or seconds below it are below what any sensor resolves: a difference of equal sums leaves them."""
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_SCALED = ("J", "W", "s", "FLOP", "FLOP/s")
_RESOLVED = ("J", "W", "s")
_PREFIXES = (
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
)


def estimate_text(estimate: Estimate) -> str:
    """Return `12.34 ± 0.12 J`: the half-width to two significant digits, the value to the same place.

    An interval that reaches further on one side is shown by its ends: `430 (0 to 1,700) J`, and a value that is small
    beside them keeps two digits. A count has none to show: `12,000 tokens`.
    """
    if isinstance(estimate.value, int):
        return f"{estimate.value:,} {estimate.unit}"
    half = None if estimate.method == "counted" else estimate.half_width
    if half is not None and half <= ROUNDING * abs(estimate.value):
        half = 0.0
    if half is None:
        return quantity(estimate.value, estimate.unit)
    value, half = _resolved(estimate.value, estimate.unit), _resolved(half, estimate.unit)
    factor, prefix = _scale(max(abs(value), half), estimate.unit)
    value, half = value / factor, half / factor
    places = _places(round(half, _places(half, 2)), 2) if half > 0 else _places(value, SIGNIFICANT)
    if half > 0 and _is_lopsided(estimate):
        low, high = (_rounded(end / factor, places) for end in (estimate.low or 0.0, estimate.high or 0.0))
        return f"{_rounded(value, max(places, _places(value, 2)))} ({low} to {high}) {prefix}{estimate.unit}"
    return f"{_rounded(value, places)} ± {_rounded(half, places)} {prefix}{estimate.unit}"


def _is_lopsided(estimate: Estimate) -> bool:
    """Whether one side of the interval is so much longer that ± half its width would be wrong."""
    if estimate.low is None or estimate.high is None:
        return False
    below, above = estimate.value - estimate.low, estimate.high - estimate.value
    return abs(above - below) > LOPSIDED * (above + below)


def quantity(value: float, unit: str) -> str:
    """Return a figure without an interval, to four significant digits."""
    value = _resolved(value, unit)
    factor, prefix = _scale(value, unit)
    return f"{number(value / factor)} {prefix}{unit}"


def common_unit(values: Sequence[float], unit: str) -> tuple[float, str]:
    """Return what to divide several figures of one unit by, and the unit that they then have: that of the largest."""
    factor, prefix = _scale(max(map(abs, values), default=0.0), unit)
    return factor, f"{prefix}{unit}"


def number(value: float) -> str:
    """Return a number to four significant digits."""
    return _rounded(value, _places(value, SIGNIFICANT))


def bytes_text(size: float) -> str:
    """Return a size in binary units (IEC 80000-13): `1.23 GiB`."""
    power = next((power for power in range(4) if abs(size) < 1024 ** (power + 1)), 4)
    size /= 1024**power
    number = f"{size:.0f}" if power == 0 else _rounded(size, _places(size, 3))
    return f"{number} {_BINARY[power]}"


def duration_text(seconds: float) -> str:
    """Return a duration: `0.42 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return `1 repeat`, `2 repeats`; `many` is an irregular plural."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {many or noun + 's'}"


def _resolved(value: float, unit: str) -> float:
    return 0.0 if unit in _RESOLVED and abs(value) < NOTHING else value


def _scale(value: float, unit: str) -> tuple[float, str]:
    """Return the divisor and prefix for a unit; joules and watts rarely get one, so that rows compare."""
    head = unit.partition("/")[0]
    size = abs(value)
    if (head not in _SCALED and unit not in _SCALED) or size == 0:
        return 1.0, ""
    lowest, highest = (1.0, 1000.0) if head in ("s", "FLOP") else (0.01, 1e5)
    if lowest <= size < highest or (head == "s" and size >= 1):
        return 1.0, ""
    return next(((factor, prefix) for factor, prefix in _PREFIXES if size >= factor), (1e-6, "µ"))


def _places(value: float, digits: int) -> int:
    """Return the decimal places that show so many significant digits of a value; negative left of the point."""
    return 0 if value == 0 else digits - 1 - math.floor(math.log10(abs(value)))


def _rounded(value: float, places: int) -> str:
    shown = round(value, places) + 0.0  # a negative zero becomes a zero
    return f"{shown:,.{max(places, 0)}f}"
