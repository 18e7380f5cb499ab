"""One line of a summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["figure", "detail", "unknown", "valid", "valid_with_warnings", "invalid"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: `value` is the figure, or "unknown: why"; `method` says how it was measured, where that matters."""

    label: str
    value: str
    method: str | None = None
    tone: Tone = "figure"

    @property
    def estimated(self) -> bool:
        """Whether the figure comes from a model and not from a meter."""
        return (self.method or "").startswith("estimated")
