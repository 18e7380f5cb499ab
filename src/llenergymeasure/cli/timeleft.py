"""How long a run will still take, from its configuration and what its windows took so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import get_args

from llenergymeasure.config.models import MeasurementConfig
from llenergymeasure.domain.trace import PhaseName

ORDER: tuple[str, ...] = get_args(PhaseName)


@dataclass
class TimeLeft:
    """Adds up the phases that remain; cooling down and loading count as 0, because their length is unknown.

    Windows are counted up to the least number of repeats: further ones depend on how the figures spread.
    """

    protocol: MeasurementConfig
    has_context: bool = False
    """Whether the device has a context whose idle power is metered."""
    pass_requests: int | None = None
    """Requests of one pass, of which a window has whole ones; None where a window is a stretch of time."""
    _windows_s: list[float] = field(default_factory=list)
    _first_window_s: float | None = None
    _warmup_s: float = 0.0

    def note_window(self, duration_s: float) -> None:
        """Take in a window that has ended: whole passes take longer than min_duration_s."""
        self._windows_s.append(duration_s)

    def note_warmup(self, fraction: float | None, requests_per_s: float | None, elapsed_s: float) -> None:
        """Take in the progress of the warm-up: its requests tell how long it and a window of whole passes will take."""
        if fraction:
            self._warmup_s = elapsed_s / fraction
        if requests_per_s and self.pass_requests:
            pass_s = self.pass_requests / requests_per_s
            self._first_window_s = pass_s * max(1, math.ceil(self.protocol.window.min_duration_s / pass_s))

    def note_progress(self, fraction: float, elapsed_s: float) -> None:
        """Take in the progress of the first window: a single pass may take far longer than min_duration_s."""
        if fraction > 0:
            self._first_window_s = elapsed_s / fraction

    def seconds(self, phase: str, repeat: int | None, elapsed_s: float) -> float | None:
        """Return what is left when a phase has lasted `elapsed_s`; None before the first phase."""
        if phase not in ORDER:
            return None
        done = ORDER.index(phase)
        expected_s = self._expected_s(phase)
        if phase == "warmup" and elapsed_s > expected_s:
            expected_s = self.protocol.warmup.max_duration_s or expected_s
        left = max(0.0, expected_s - elapsed_s)
        left += sum(self._expected_s(name) for name in ORDER[done + 1 : -1])
        windows = self.protocol.repeats.min - (0 if phase != "window" else (repeat or 0) + 1)
        return left + max(0, windows) * self._expected_s("window")

    def _expected_s(self, phase: str) -> float:
        if phase == "window" and self._windows_s:
            return sum(self._windows_s) / len(self._windows_s)
        if phase == "window" and self._first_window_s is not None:
            return self._first_window_s
        planned = {
            "baseline_idle": self.protocol.baseline.idle_s,
            "baseline_context": self.protocol.baseline.context_s if self.has_context else 0.0,
            "baseline_loaded": self.protocol.baseline.loaded_s,
            "warmup": max(self.protocol.warmup.min_duration_s, self._warmup_s),
            "window": self.protocol.window.min_duration_s,
        }
        return planned.get(phase, 0.0)
