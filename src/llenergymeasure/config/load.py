"""When requests are sent: the `load:` section, one model a kind."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from llenergymeasure.config.base import Items, NonEmpty, Seconds, Section

Number = TypeVar("Number", int, float)
Rate = Annotated[float, Field(gt=0, le=1e6)]
Clients = Annotated[int, Field(ge=1, le=100_000)]


class OfflineLoad(Section):
    """All requests of a pass at once, in whole passes over the workload."""

    kind: Literal["offline"] = "offline"
    """`offline`: as many requests as the backend takes, all at once."""

    def rungs(self) -> tuple[float, ...]:
        """Return no value: how much is asked at a time is up to the backend."""
        return ()


class ClosedLoad(Section):
    """A closed loop: each of `concurrency` clients sends its next request when its last one has ended."""

    kind: Literal["closed"]
    """`closed`: so many clients, each waiting for its answer before it asks again."""
    concurrency: Clients | Items[Clients]
    """Requests in flight at any time; a list is a ladder: one rung after the other, each with its repeats."""
    think_time_s: Seconds = 0.0
    """How long a client waits between an answer and the next turn of the same session."""

    @field_validator("concurrency")
    @classmethod
    def _ladder_goes_up(cls, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
        return _ladder(value)

    def rungs(self) -> tuple[float, ...]:
        """Return the concurrency of each rung; one value where there is no ladder."""
        return self.concurrency if isinstance(self.concurrency, tuple) else (self.concurrency,)


class OpenLoad(Section):
    """An open loop: requests are sent at times of their own, whether the earlier ones have ended or not."""

    kind: Literal["open"]
    """`open`: requests arrive at a rate, as from many users who do not wait for each other."""
    rate_per_s: Rate | Items[Rate]
    """Requests (of a workload with sessions: sessions) per second, on average; a list is a ladder: one rung after the
    other, each with its repeats."""
    arrivals: Literal["poisson", "constant", "gamma"] = "poisson"
    """How the times between requests vary: `poisson` (independent arrivals), `constant` (none), `gamma` (see
    `burstiness`)."""
    burstiness: float = Field(1.0, gt=0, le=1000)
    """Shape of the gamma distribution, as in vLLM: below 1 requests come in bursts, 1 is `poisson`, above 1 they are
    more even. The coefficient of variation of the times between them is `1 / sqrt(burstiness)`."""
    max_in_flight: Clients | None = None
    """Requests that are in flight together at most; what is due beyond that waits in the client, and its waiting is
    part of its latency. null: no limit."""
    ramp_s: Seconds = 0.0
    """How long the rate rises evenly, from 0 to `rate_per_s`, when the load begins."""
    think_time_s: Seconds = 0.0
    """How long a user waits between an answer and the next turn of the same session."""

    @field_validator("rate_per_s")
    @classmethod
    def _ladder_goes_up(cls, value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        return _ladder(value)

    @model_validator(mode="after")
    def _burstiness_has_an_effect(self) -> OpenLoad:
        if self.burstiness != 1.0 and self.arrivals != "gamma":
            raise ValueError(f"burstiness has no effect with arrivals: {self.arrivals}; set arrivals: gamma")
        return self

    def rungs(self) -> tuple[float, ...]:
        """Return the rate of each rung, per second; one value where there is no ladder."""
        return self.rate_per_s if isinstance(self.rate_per_s, tuple) else (self.rate_per_s,)


class ReplayLoad(Section):
    """A replay: requests are sent at the times of a trace."""

    kind: Literal["replay"]
    """`replay`: requests arrive as they did in the trace, one for each request of a pass."""
    file: NonEmpty
    """The trace: one request a line."""
    format: Literal["auto", "jsonl", "mooncake", "azure", "burstgpt"] = "auto"
    """What the lines have; `auto` takes it from the names in the first one."""
    speed: float = Field(1.0, gt=0, le=1e6)
    """How many times as fast as recorded."""
    max_in_flight: Clients | None = None
    """Requests that are in flight together at most; what is due beyond that waits in the client, and its waiting is
    part of its latency. null: no limit."""
    think_time_s: Seconds = 0.0
    """How long a user waits between an answer and the next turn of the same session."""

    def rungs(self) -> tuple[float, ...]:
        """Return no value: a trace has its own rates."""
        return ()


LoadConfig = Annotated[OfflineLoad | ClosedLoad | OpenLoad | ReplayLoad, Field(discriminator="kind")]


def _ladder(value: Number | tuple[Number, ...]) -> Number | tuple[Number, ...]:
    """Return a value, or the values of a ladder, of which each is above the one before it."""
    if isinstance(value, tuple):
        if not value:
            raise ValueError("the list is empty: give at least one value")
        if any(after <= before for before, after in pairwise(value)):
            raise ValueError("a ladder goes up: each value above the one before it")
    return value
