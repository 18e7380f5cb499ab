"""Stated intervals beside the truth: how many contain it, and how wide they are, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

RESTS, SERVED = "rests", "served"


@dataclass(frozen=True, kw_only=True)
class Stated:
    """One interval: error of the energy, and half-width, relative to the true energy.

    Both are NaN where the library says that the energy is unknown.
    """

    sensor: str
    windows: str
    """Their length, or what begins and follows them."""
    error: float
    half_width: float
    kind: str = ""
    """Whether there is a rest around each window."""
    signal: str = ""
    conditions: str = ""
    """What else may explain the error: how the sampler reads."""
    seed: int = 0

    @property
    def held(self) -> bool:
        return abs(self.error) <= self.half_width


@dataclass(frozen=True, kw_only=True)
class Row:
    """One cell of a table."""

    sensor: str
    windows: str
    count: int
    held: float
    held_with_rests: float | None
    held_served: float | None
    median_half_width: float
    p95_half_width: float
    bias: float
    mean_error: float
    unknown: int
    """Energies that the library does not state, and says why; no other figure counts them."""


def rows_of(found: Sequence[Stated]) -> list[Row]:
    """Return a row for each sensor and kind of windows, in the order in which they first appear."""
    cells: dict[tuple[str, str], list[Stated]] = {}
    for each in found:
        cells.setdefault((each.sensor, each.windows), []).append(each)
    return [_row(sensor, windows, some) for (sensor, windows), some in cells.items()]


def print_rows(title: str, rows: Iterable[Row], notes: dict[tuple[str, str], str] | None = None) -> None:
    """Print a table; `notes` by sensor and windows stand behind their rows."""
    print(f"\n{title}; errors and half-widths are relative to the true energy")
    print(
        f"{'sensor':52} {'windows':>20} {'n':>5} {'held':>7} {'rests':>7} {'served':>7} {'half-width':>10} "
        f"{'95th pct.':>9} {'bias':>8} {'mean error':>10}"
    )
    for row in rows:
        unknown = f"{row.unknown} unknown" if row.unknown else ""
        note = (notes or {}).get((row.sensor, row.windows), "")
        line = (
            f"{row.sensor:52} {row.windows:>20} {row.count:5d} {row.held:7.1%} {_share(row.held_with_rests)} "
            f"{_share(row.held_served)} {row.median_half_width:10.2%} {row.p95_half_width:9.2%} "
            f"{row.bias:+8.2%} {row.mean_error:10.2%}  {'; '.join(filter(None, (unknown, note)))}"
        )
        print(line.rstrip())


def _row(sensor: str, windows: str, found: Sequence[Stated]) -> Row:
    known = [each for each in found if np.isfinite(each.error)]
    error, half_width = np.array([(each.error, each.half_width) for each in known]).reshape(-1, 2).T
    return Row(
        sensor=sensor,
        windows=windows,
        count=len(found),
        held=float(np.mean([each.held for each in known])),
        held_with_rests=_held_of(known, RESTS),
        held_served=_held_of(known, SERVED),
        median_half_width=float(np.median(half_width)),
        p95_half_width=float(np.quantile(half_width, 0.95)),
        bias=float(np.mean(error)),
        mean_error=float(np.mean(np.abs(error))),
        unknown=len(found) - len(known),
    )


def _held_of(found: Iterable[Stated], kind: str) -> float | None:
    held = [each.held for each in found if each.kind == kind]
    return float(np.mean(held)) if held else None


def _share(value: float | None) -> str:
    return f"{'':7}" if value is None else f"{value:7.1%}"
