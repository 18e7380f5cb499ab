"""The content of a report as blocks, which every renderer can draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Tone = Literal["figure", "detail", "unknown", "good", "info", "warning", "bad"]
"""How a text stands out; a renderer gives each a colour, or none."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One named value, or "unknown: why"; `method` says how it was measured, where that matters."""

    label: str
    value: str
    method: str | None = None
    tone: Tone = "figure"
    footnote: str | None = None
    """What limits the value, said below all rows, and once for all values of which it is so."""

    @property
    def estimated(self) -> bool:
        """Whether the figure comes from a model and not from a meter."""
        return (self.method or "").startswith("estimated")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Named values that belong together."""

    rows: tuple[Row, ...]
    heading: str | None = None


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table with a head; the last column holds sentences."""

    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Note:
    """One finding: `lead` in the colour of its tone, the text, and what to do or type."""

    text: str
    lead: str = ""
    tone: Tone = "detail"
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Findings that belong together."""

    notes: tuple[Note, ...]
    heading: str | None = None


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A sentence or several; `copied` ones, such as a path, stay on one line."""

    text: str
    tone: Tone = "figure"
    copied: bool = False


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One value of a bar chart: `share` is its length, from 0 to 1."""

    label: str
    share: float
    value: str


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A bar chart: shares of a whole, or how often values occur."""

    bars: tuple[Bar, ...]
    heading: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A name below a line chart, from `at` on: 0 is its left end, 1 its right end."""

    at: float
    text: str
    short: str = ""
    """What stands there where the name has no room."""


@dataclass(frozen=True, kw_only=True)
class Sparkline:
    """A line chart one line high: `levels` from 0 to 1, None where the value is unknown, at even distances."""

    heading: str
    levels: tuple[float | None, ...]
    marks: tuple[Mark, ...] = ()


Block: TypeAlias = Rows | Grid | Notes | Paragraph | Bars | Sparkline


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report from its title to its last block."""

    blocks: tuple[Block, ...]
    title: str | None = None
