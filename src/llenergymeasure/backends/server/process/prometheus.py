"""Prometheus' text format, as far as totals need it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

_SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\})?\s*(\S+)(?:\s+-?\d+)?\s*$"
)
"""Name, labels, value, and a time stamp that some exporters add. Source:
prometheus.io/docs/instrumenting/exposition_formats, "Text-based format"."""


def totals(text: str) -> Mapping[str, float]:
    """Return every sample by its name, summed over its labels: engines, reasons, sources.

    Lines that are none are left out, and so are values that are no finite numbers.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    for line in text.splitlines():
        match = None if line.startswith("#") else _SAMPLE.match(line.strip())
        value = _finite(match[3]) if match else None
        if match and value is not None:
            sums[match[1]] += value
    return dict(sums)


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 else None  # NaN and infinities are none
