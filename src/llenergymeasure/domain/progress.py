"""The events of a running experiment; they cross from the worker to its parent process as one JSON line each."""

from __future__ import annotations

import json
from typing import Literal, get_args

from pydantic import ConfigDict

from llenergymeasure.core.record import Record

EventKind = Literal["phase", "progress", "log", "done", "failed"]


class RunEvent(Record):
    """One message of a running experiment; fields that a newer release added are ignored.

    `phase`: a phase begins. `progress`: within a phase. `log`: a warning for the user, in `message`.
    `done`: the bundle was written to `bundle`. `failed`: `error` names the exception class, `message` its text,
    `bundle` what could be kept of an interrupted run.
    """

    model_config = ConfigDict(extra="ignore")

    kind: EventKind
    t_unix_ns: int | None = None
    """When a phase begins, on the clock of the raw tables."""
    phase: str | None = None
    repeat: int | None = None
    """From 0, in windows."""
    repeats_min: int | None = None
    repeats_max: int | None = None
    fraction: float | None = None
    """Of the phase, 0 to 1, where it is known."""
    requests_per_s: float | None = None
    """In the warm-up, over the requests that were served together and have all ended."""
    output_tokens_per_s: float | None = None
    power_w: float | None = None
    """All devices included in the total together, at this moment."""
    power_is_estimated: bool | None = None
    """Whether any of it comes from a model and not from a meter."""
    temperature_c: float | None = None
    """Of the hottest device, while it cools down."""
    remaining_s: float | None = None
    """Of the whole run, where it is known."""
    level: str | None = None
    message: str | None = None
    error: str | None = None
    bundle: str | None = None


def parse_event(line: bytes) -> RunEvent | None:
    """Return the event of one line; None for a kind that this release does not know, and for what is no event."""
    try:
        document = json.loads(line)
        if not isinstance(document, dict) or document.get("kind") not in get_args(EventKind):
            return None
        return RunEvent.model_validate(document)
    except ValueError:
        return None
