"""The type of a row of the table of warnings: what a code means, and how severe it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from llenergymeasure.domain.experiment import RunWarning, Severity


@dataclass(frozen=True, kw_only=True)
class Levels:
    """A severity that follows from the size of the problem: it has the level of the highest limit that it exceeds."""

    of: str
    """What the magnitude is, with its unit: `fraction of the requests that failed`."""
    least: Severity | None = None
    """Under all limits; None: then there is no warning."""
    info: float | None = None
    warning: float | None = None
    invalid: float | None = None

    def severity(self, magnitude: float) -> Severity | None:
        """Return how severe a problem of this size is; None where it is too small for a warning."""
        if self.invalid is not None and magnitude > self.invalid:
            return "invalid"
        if self.warning is not None and magnitude > self.warning:
            return "warning"
        return "info" if self.info is not None and magnitude > self.info else self.least

    def __str__(self) -> str:
        limits = (("info", self.info), ("warning", self.warning), ("invalid", self.invalid))
        rules = [f"{name} above {limit:g}" for name, limit in limits if limit is not None]
        return "; ".join([*([f"at least {self.least}"] if self.least else []), *rules]) + f" ({self.of})"


@dataclass(frozen=True, kw_only=True)
class WarningCode:
    """One row of the table of warnings. Every warning of a result is made by `raised` of its row."""

    code: str
    """Stable: scripts compare it."""
    meaning: str
    """One sentence: what was seen, and what it does to the figures."""
    remedy: str
    """What to do in general; a warning may state a remedy of its own."""
    severity: Severity | Levels
    """The same for every run, or by the size of the problem."""
    because: str
    """Why it is this severity, or these limits: a source, or a judgement with its reason."""

    def raised(
        self, message: str, *, magnitude: float | None = None, remedy: str | None = None
    ) -> Iterator[RunWarning]:
        """Yield the warning, or nothing where it is too small for one. An unknown magnitude is a warning."""
        severity = self._severity(magnitude)
        if severity is not None:
            yield RunWarning(
                code=self.code,
                message=message,
                remedy=remedy or self.remedy,
                severity=severity,
                magnitude=magnitude,
            )

    def _severity(self, magnitude: float | None) -> Severity | None:
        if isinstance(self.severity, Levels):
            return (
                "warning" if magnitude is None or math.isnan(magnitude) else self.severity.severity(magnitude)
            )
        return self.severity
