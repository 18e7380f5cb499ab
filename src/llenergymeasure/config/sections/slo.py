"""Which latencies count as good: the `slo:` section."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from llenergymeasure.config.base import WEEK_S, NonEmpty, Section
from llenergymeasure.config.sections.slo_presets import PRESETS

LIMITS = ("ttft_s", "tpot_s", "e2e_s")
"""Fields that are limits in seconds."""


class SloConfig(Section):
    """Service level objectives: what a good request is. They change no measurement, only how it is judged."""

    preset: NonEmpty | None = None
    """Objectives by name, such as `mlperf/llama3.1-8b/server`; fields that are given too replace its own."""
    ttft_s: float | None = Field(None, gt=0, le=WEEK_S)
    """Longest time to first token of a good request, from when it was due."""
    tpot_s: float | None = Field(None, gt=0, le=WEEK_S)
    """Longest time per output token of a good request; says nothing about answers of one token."""
    e2e_s: float | None = Field(None, gt=0, le=WEEK_S)
    """Longest time of a good request, from when it was due to its last token."""
    percentile: float = Field(99.0, gt=0, le=100)
    """Percentage of the requests that must keep each limit: 99 means that the 99th percentile is within it."""

    @model_validator(mode="before")
    @classmethod
    def _with_the_limits_of_its_preset(cls, settings: Any) -> Any:
        name = settings.get("preset") if isinstance(settings, Mapping) else None
        if not isinstance(name, str) or not name:
            return settings
        preset = PRESETS.get(name)
        if preset is None:
            raise ValueError(_unknown_preset(name))
        stated = {each: getattr(preset, each) for each in (*LIMITS, "percentile")}
        return {**stated, **settings}

    @model_validator(mode="after")
    def _has_an_objective(self) -> SloConfig:
        if all(getattr(self, name) is None for name in LIMITS):
            raise ValueError(f"no objective is set: give {', '.join(LIMITS)} or a preset")
        return self


def _unknown_preset(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), PRESETS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown preset '{name}'; there are: {', '.join(PRESETS)}{hint}"
