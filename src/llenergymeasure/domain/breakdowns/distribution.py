"""The distribution of a quantity over requests, chunks or other single events."""

from __future__ import annotations

from pydantic import Field

from llenergymeasure.core.record import Record
from llenergymeasure.domain.estimate import Estimate


class Distribution(Record):
    """Mean, percentiles and maximum of one quantity, each with its 95 % interval, and of how many values.

    A failed request that counts has no value: it is later than any. `unknown` has the reason of each statistic that the
    values do not support, such as a percentile of too few of them.
    """

    label: str
    """What a person calls the quantity."""
    unit: str
    n: int
    """Values, failed requests included where they count."""
    failed: int = 0
    """Failed requests among them, which count as infinitely late."""
    not_defined: int = 0
    """Answered requests without a value, such as answers of one token for the time per output token."""
    cut_off: int = 0
    """Requests that were under way at an edge of a window and are left out."""
    statistics: dict[str, Estimate] = Field(default_factory=dict)
    """By name: `mean`, `p50`, `p90`, `p95`, `p99`, `max`."""
    unknown: dict[str, str] = Field(default_factory=dict)
    """By the name of a statistic that is unknown: why."""
