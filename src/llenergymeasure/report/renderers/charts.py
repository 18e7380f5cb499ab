"""Charts drawn with characters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from llenergymeasure.report.summary.document import Bars, Mark, Sparkline

LEVELS = "▁▂▃▄▅▆▇█"
"""Eighths of a character's height."""
EIGHTHS = " ▏▎▍▌▋▊▉"
"""Eighths of a character's width."""
UNKNOWN_LEVEL = "·"
LONGEST_BAR = 40
"""Columns; longer ones say no more."""


def chart_lines(chart: Bars | Sparkline, width: int) -> Iterator[str]:
    """Yield the lines of a chart, its heading left out, no wider than `width` columns."""
    yield from _bars(chart, width) if isinstance(chart, Bars) else _sparkline(chart, width)


def _bars(chart: Bars, width: int) -> Iterator[str]:
    labels = max((len(bar.label) for bar in chart.bars), default=0)
    values = max((len(bar.value) for bar in chart.bars), default=0)
    longest = min(LONGEST_BAR, width - labels - values - 4)
    for bar in chart.bars:
        drawn = _bar(bar.share, longest) if longest > 0 else ""
        yield f"{bar.label:<{labels}}  {drawn:<{max(longest, 0)}}  {bar.value}".rstrip()


def _bar(share: float, longest: int) -> str:
    eighths = round(max(0.0, min(share, 1.0)) * longest * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")


def _sparkline(chart: Sparkline, width: int) -> Iterator[str]:
    levels = _fitted(chart.levels, width)
    yield "".join(UNKNOWN_LEVEL if each is None else LEVELS[_eighth(each)] for each in levels)
    if chart.marks:
        yield _marked(chart.marks, len(levels))


def _eighth(level: float) -> int:
    return min(int(max(level, 0.0) * len(LEVELS)), len(LEVELS) - 1)


def _fitted(levels: Sequence[float | None], width: int) -> list[float | None]:
    """Return at most `width` levels: the mean of those that share a column."""
    if len(levels) <= width:
        return list(levels)
    each = len(levels) / width
    parts = [levels[math.floor(at * each) : max(math.floor((at + 1) * each), 1)] for at in range(width)]
    known = [[level for level in part if level is not None] for part in parts]
    return [sum(part) / len(part) if part else None for part in known]


def _marked(marks: Sequence[Mark], width: int) -> str:
    """Return the names at their places; one that has no room before the next is shortened, or left out."""
    line = ""
    places = [min(round(mark.at * width), width) for mark in marks] + [width + 1]
    for mark, place, following in zip(marks, places, places[1:], strict=False):
        text = next((each for each in (mark.text, mark.short) if place + len(each) < following), "")
        if text and place >= len(line):
            line = f"{line:<{place}}{text} "
    return line.rstrip()
