"""One request of a trace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TraceRow:
    """When a request came, and how long it was; None for what the trace does not say."""

    time_s: float
    """Since any moment that is the same for the whole trace."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    session: str | None = None
    begins_session: bool = True
    """Whether it is the first turn of its session."""
