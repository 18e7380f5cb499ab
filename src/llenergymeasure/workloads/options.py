"""The options of data sets that give prompts of stated lengths; they stand in the `workload:` section itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from llenergymeasure.config.base import NonEmpty, Section, Tokens


class UniformLengths(Section):
    """Every length between two limits is as likely as any other."""

    kind: Literal["uniform"]
    """`uniform`: as likely as any other between two limits."""
    min: Tokens
    """The shortest."""
    max: Tokens
    """The longest."""

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> UniformLengths:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class LognormalLengths(Section):
    """Lengths whose logarithm is normally distributed: many short ones, and a long tail, as users write."""

    kind: Literal["lognormal"]
    """`lognormal`: many short ones, and a long tail."""
    median: Tokens
    """Half of the lengths are below."""
    sigma: float = Field(ge=0, le=5)
    """Standard deviation of the natural logarithm; 0 is a constant length."""
    min: Tokens = 1
    """Shorter ones are made so long."""
    max: Tokens
    """Longer ones are cut to it."""

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> LognormalLengths:
        if not self.min <= self.median <= self.max:
            raise ValueError(f"median {self.median} is not between min {self.min} and max {self.max}")
        return self


Lengths = Annotated[UniformLengths | LognormalLengths, Field(discriminator="kind")]


class SyntheticOptions(Section):
    """Lengths of the `synthetic` data set that vary from prompt to prompt."""

    input_lengths: Lengths | None = None
    """Distribution of the prompt lengths; in place of `input_tokens`."""
    output_lengths: Lengths | None = None
    """Distribution of the longest lengths of the answers; with `decoder.ignore_eos`, of their lengths. null:
    `max_output_tokens` for all."""
    turns: int = Field(1, ge=1, le=1000)
    """Requests of one session. Each begins with the tokens of those before it, and with as many as their answers may
    have."""


class TraceOptions(Section):
    """Which trace the `trace` data set takes its lengths from."""

    trace: NonEmpty
    """The file: one request a line."""
    trace_format: Literal["auto", "jsonl", "mooncake", "azure", "burstgpt"] = "auto"
    """What the lines have; `auto` takes it from the names in the first one."""
