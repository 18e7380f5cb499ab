"""What all benchmarks share: medians with an interval, a table on the terminal, JSON beside it."""

from __future__ import annotations

import json
import math
import os
import platform
import signal
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of a table: a median with its 95 % interval, and the bar it is held to."""

    name: str
    unit: str
    median: float
    low: float
    high: float
    runs: int
    bar: float | None = None

    @property
    def holds(self) -> str:
        if self.bar is None:
            return ""
        return "yes" if self.median <= self.bar else "NO"


def figure(name: str, unit: str, values: Sequence[float], bar: float | None = None) -> Figure:
    """Return the median of `values` with its distribution-free 95 % interval.

    Source: order statistics of the binomial distribution (Conover, Practical Nonparametric Statistics, 3.2).
    """
    ordered = sorted(values)
    n = len(ordered)
    reach = math.ceil(1.96 * math.sqrt(n) / 2)
    low, high = max(n // 2 - reach, 0), min((n - 1) // 2 + reach, n - 1)
    return Figure(
        name=name,
        unit=unit,
        median=statistics.median(ordered),
        low=ordered[low],
        high=ordered[high],
        runs=n,
        bar=bar,
    )


def publish(title: str, figures: Sequence[Figure]) -> None:
    """Print the table and write `out/<title>.json`."""
    write(title, {"figures": [asdict(each) for each in figures]})
    here = machine()
    print(f"\n{title} ({here['cores']} cores, Python {here['python']})")
    print(f"{'':44} {'median':>9} {'95 % interval':>21} {'unit':6} {'runs':>4} {'bar':>7} {'holds':>5}")
    for each in figures:
        interval = f"{each.low:.2f} .. {each.high:.2f}"
        bar = "" if each.bar is None else f"{each.bar:g}"
        print(
            f"{each.name:44} {each.median:9.2f} {interval:>21} {each.unit:6} {each.runs:4} {bar:>7} {each.holds:>5}"
        )


def write(title: str, content: Mapping[str, object]) -> None:
    """Write `out/<title>.json`: the machine, then `content`."""
    OUT.mkdir(exist_ok=True)
    document = {"benchmark": title, "machine": machine(), **content}
    (OUT / f"{title}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def end_interrupted(title: str, runs: int, content: Mapping[str, object]) -> NoReturn:
    """End a benchmark that Ctrl-C stopped, as a shell expects it.

    `out/<title>-interrupted.json` has what was counted; `out/<title>.json` stays as the last whole benchmark wrote it.
    """
    sys.stdout.flush()
    write(f"{title}-interrupted", {"runs": runs, **content})
    print(f"\ninterrupted after {runs} runs", file=sys.stderr)
    sys.exit(128 + signal.SIGINT)


def machine() -> dict[str, object]:
    """Return what the figures were taken on."""
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
