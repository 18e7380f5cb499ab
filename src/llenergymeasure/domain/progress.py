"""What a run says while it goes on; crosses from the worker to its starter as one JSON line each."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class RunEvent(BaseModel):
    """One message of a running experiment.

    `phase`: a phase begins. `progress`: within a phase. `log`: a warning for the user, in `message`.
    `done`: the bundle was written to `bundle`. `failed`: `error` names the exception class, `message` its text,
    `bundle` what could be kept of an interrupted run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["phase", "progress", "log", "done", "failed"]
    phase: str | None = None
    repeat: int | None = None
    """From 0, in windows."""
    repeats_min: int | None = None
    repeats_max: int | None = None
    fraction: float | None = None
    """Of the phase, 0 to 1, where it can be told."""
    output_tokens_per_s: float | None = None
    power_w: float | None = None
    """All counted devices together, at this moment."""
    power_is_estimated: bool | None = None
    """Whether any of it comes from a model and not from a meter."""
    temperature_c: float | None = None
    """Of the hottest device, while it is waited for."""
    remaining_s: float | None = None
    """Of the whole run, as far as it can be told."""
    level: str | None = None
    message: str | None = None
    error: str | None = None
    bundle: str | None = None
