"""The protocol of a measurement: cool-down, baselines, warm-up, window, repeats."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from llenergymeasure.config.base import NOT_MEASURED, Seconds, Section


class WarmupConfig(Section):
    """Requests served before the first window, until caches and clocks settle; none if both minima are 0."""

    min_requests: int = Field(2, ge=0, le=1_000_000)
    """Minimum number of requests; those that a backend computes together are served together."""
    min_duration_s: Seconds = 5.0
    """Minimum duration."""
    max_duration_s: Seconds | None = 60.0
    """Continue until throughput and power are steady, at most this long; null: stop at the minima, steady or not."""

    @model_validator(mode="after")
    def _ordered(self) -> WarmupConfig:
        if self.max_duration_s is not None and self.max_duration_s < self.min_duration_s:
            raise ValueError(
                f"max_duration_s {self.max_duration_s} is below min_duration_s {self.min_duration_s}"
            )
        return self


class CooldownConfig(Section):
    """The temperature from which a run starts."""

    max_temperature_c: float | None = Field(None, gt=0, le=200)
    """Wait, before the first baseline, until every metered GPU is no warmer than this; null does not wait."""
    max_wait_s: Seconds = 300.0
    """Longest wait; after it the run starts with a warning."""


class BaselineConfig(Section):
    """How long the idle machine is metered; 0 leaves that baseline out."""

    idle_s: Seconds = 30.0
    """The idle machine, before anything is loaded."""
    context_s: Seconds = 5.0
    """With the device's context created and nothing loaded; a CPU has none, there it is left out."""
    loaded_s: Seconds = 10.0
    """With the model loaded and waiting."""
    reuse_max_age_s: float = Field(0.0, ge=0, le=1e9)
    """Reuse the idle power of an earlier run no older than this, if a check shows that it is unchanged; 0: never."""

    @model_validator(mode="after")
    def _reuse_needs_a_baseline(self) -> BaselineConfig:
        if self.reuse_max_age_s > 0 and self.idle_s == 0:
            raise ValueError(
                "reuse_max_age_s has no effect with idle_s: 0, which leaves the idle baseline out"
            )
        return self


class WindowConfig(Section):
    """The measured interval."""

    min_duration_s: Seconds = 10.0
    """Minimum duration: one repeat serves the workload again until this time has passed."""


class RepeatsConfig(Section):
    """Number of repeats of the window."""

    min: int = Field(3, ge=1, le=10_000)
    """Minimum number; fewer than three give no useful confidence interval."""
    max: int = Field(10, ge=1, le=10_000)
    """Maximum number."""
    target_relative_ci: float | None = Field(0.02, gt=0, le=1000)
    """Stop when repeats agree: the 95 % interval of their mean energy per token (time, where energy is unknown),
    without what all have in common such as a sensor's gain, is within ± this fraction; null: `min` repeats."""

    @model_validator(mode="after")
    def _ordered(self) -> RepeatsConfig:
        if self.max < self.min:
            raise ValueError(f"max {self.max} is below min {self.min}")
        return self


class MeasurementConfig(Section):
    """The protocol of the measurement."""

    cooldown: CooldownConfig = CooldownConfig()
    baseline: BaselineConfig = BaselineConfig()
    warmup: WarmupConfig = WarmupConfig()
    window: WindowConfig = WindowConfig()
    repeats: RepeatsConfig = RepeatsConfig()
    require_quiet: Annotated[bool, NOT_MEASURED] = False
    """Refuse to load the model while other processes use the machine, as seen over the idle baseline."""
    strict: Annotated[bool, NOT_MEASURED] = False
    """Fail if the verdict on the result is invalid; the bundle is kept."""
