"""A figure's value with its 95 % interval."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from llenergymeasure.core.record import Record

Method = Literal["counter", "sampled", "estimated", "derived", "counted"]
"""How a figure was obtained: an energy counter, integrated power readings, a model, arithmetic on others, counting."""


class Estimate(Record):
    """A value with its 95 % interval `[low, high]`, unit and method.

    `low` and `high` are None where the interval is unknown; `reason` then says why. Where there is an interval that
    leaves something out (the spread, after a single repeat), it says what. The interval of an exact value has no width.
    """

    value: int | float
    """A whole number where it is counted."""
    low: int | float | None = None
    high: int | float | None = None
    unit: str
    method: Method
    reason: str | None = None

    @model_validator(mode="after")
    def _check_interval(self) -> Estimate:
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has both ends or none")
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} lies outside [{self.low}, {self.high}]")
        return self

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval, in `unit`."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2

    @property
    def relative_half_width(self) -> float | None:
        """Half-width over the value: 0.02 means ±2 %."""
        half = self.half_width
        return None if half is None or self.value == 0 else half / abs(self.value)


def exact(value: int | float, unit: str, method: Method) -> Estimate:
    """Return a value that has no uncertainty: a count, or the result of a definition."""
    return Estimate(value=value, low=value, high=value, unit=unit, method=method)


def digits(value: float, number: int = 2) -> str:
    """Return a value with so many digits, without an exponent where it is of ordinary size: 100, not 1e+02."""
    return f"{float(f'{value:.{number}g}'):g}"
