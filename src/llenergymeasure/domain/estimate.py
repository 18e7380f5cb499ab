"""A measured quantity with its doubt."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from llenergymeasure.core.record import Record

Method = Literal["counter", "sampled", "estimated", "derived"]
"""How a figure came about: an energy counter, integrated power readings, a model, or arithmetic on others."""


class Estimate(Record):
    """A value with its 95 % interval `[low, high]`, unit and method.

    `low` and `high` are None where the interval is unknown; `reason` then says why. Where there is an interval that
    leaves something out (the spread, after a single repeat), it says what.
    """

    value: float
    low: float | None = None
    high: float | None = None
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
