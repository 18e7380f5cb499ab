"""How traffic was served: the steady part of each window, objectives, and the curve over several loads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llenergymeasure.core.record import Record
from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.estimate import Estimate

SteadyRule = Literal["whole", "saturated", "no_trend", "none"]


class SteadyPart(Record):
    """The part of a window that figures are of."""

    repeat: int
    """The window."""
    start_unix_ns: int
    """Where the part begins."""
    end_unix_ns: int
    """Where it ends."""
    duration_s: float
    """Its length."""
    window_s: float
    """Length of the whole window."""
    rule: SteadyRule
    """`whole`: neither the requests in flight nor the output tokens per second have a trend over the window, or it has
    too few requests to tell. `saturated`: from the first token that fills the engine's batch to the last completion
    that leaves it full. `no_trend`: the longest stretch without such a trend. `none`: no stretch of half the window is
    without one, so the figures are of the whole window."""


class Attainment(Record):
    """How many requests kept an objective."""

    objective: str
    """`ttft_s`, `tpot_s`, `e2e_s`, or `all`: every one that applies to the request."""
    limit_s: float | None = None
    """The limit in seconds; null for `all`."""
    requests: int = 0
    """Requests that were due in the windows and to which the objective applies; failed ones are among them and did not
    keep it."""
    not_applicable: int = 0
    """Answers to which it does not apply: those of one token have no time per output token. Of `all`: those to which a
    part of the objectives does not apply; the others decide."""
    kept: int = 0
    """Requests that kept it."""
    fraction: Estimate | None = None
    """`kept` / `requests` with Wilson's interval; null where it is unknown."""
    is_met: bool | None = None
    """Whether the fraction is at least `slo.percentile`; null where it is unknown."""
    is_certain: bool = False
    """Whether the whole interval is on that side."""
    reason: str | None = None
    """Why the fraction is unknown."""


class Rung(Record):
    """One of the loads of a run, and what it came to; a run without a list of loads has one."""

    rung: int = 0
    """Its number, from 0, as the windows have it."""
    load: float | None = None
    """What was asked: requests per second of an open loop, requests in flight of a closed one; null for a replay."""
    repeats: tuple[int, ...] = ()
    """Its windows."""
    estimates: dict[str, Estimate] = Field(default_factory=dict)
    """Figures of its windows alone, by name."""
    unknown: dict[str, str] = Field(default_factory=dict)
    """By the name of a figure that is unknown: why."""
    latency: dict[str, Distribution] = Field(default_factory=dict)
    """Latencies of its windows alone, by name, as under `latency` of the result."""
    in_flight: Estimate | None = None
    """Mean over time of the requests in flight, from due to closed."""
    little_residual: Estimate | None = None
    """Requests in flight less requests that ended per second × their mean time: 0 in a steady state (Little's law).
    Where it is not, the windows show a transient."""
    in_flight_growth_per_s: Estimate | None = None
    """Requests that became due less those that ended, per second."""
    latency_growth: float | None = None
    """Trend of the time to first token over a window, relative to its mean (of the whole time, where no first token is
    known); null with too few requests."""
    over_saturated: bool | None = None
    """Whether requests in flight and time to first token both grow: more came than could be served. null for a closed
    loop, whose requests in flight cannot grow."""


class Knee(Record):
    """The load from which more load brings waiting and hardly more throughput."""

    load: Estimate | None = None
    """In the unit of the loads; null where it is unknown."""
    capacity: Estimate | None = None
    """Requests per second at the most."""
    reason: str | None = None
    """Why the knee is unknown."""


class TrafficSummary(Record):
    """How traffic was served. Empty for offline loads, of which nobody waits for a request."""

    steady: tuple[SteadyPart, ...] = ()
    """The steady part of each window."""
    objectives: tuple[Attainment, ...] = ()
    """Each objective of `slo:`, and all together."""
    rungs: tuple[Rung, ...] = ()
    """The loads in the order of the configuration."""
    headline_rung: int | None = None
    """Of several loads, the one that the figures of the result are of: the highest that is not over-saturated, or with
    `slo:` that of the highest goodput. null where there is one load."""
    knee: Knee | None = None
    """null where there are no several loads."""

    @property
    def headline(self) -> Rung | None:
        """The load that the figures of the result are of; None for an offline load."""
        wanted = self.headline_rung
        return next((each for each in self.rungs if wanted is None or each.rung == wanted), None)
