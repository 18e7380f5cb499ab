"""Why phases are not identifiable, and what would make them so."""

from __future__ import annotations

from dataclasses import dataclass, replace

BREAK = (
    "Take prompts or answers of different lengths, or another batch size, so that prefills begin at another place "
    "within the sensor's intervals every time."
)


@dataclass(frozen=True, kw_only=True)
class NotIdentifiable:
    """The reason, and what the user can do; None where nothing can be done about this run's load."""

    reason: str
    remedy: str | None = None

    def at(self, label: str) -> NotIdentifiable:
        """Return it for one sensor."""
        return replace(self, reason=f"{label}: {self.reason}")
