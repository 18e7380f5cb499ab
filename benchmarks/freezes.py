"""Counters called frozen that are not, in a thousand healthy traces of a minute; and true freezes found, by length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from benchmarks.report import machine, write
from numpy.random import Generator
from numpy.typing import NDArray

from llenergymeasure.metrics.signals.counter_freeze import find_freezes

TRACES, FROZEN_TRACES = 1000, 300
DURATION_S, STEP_S = 60.0, 0.005
FASTEST_S, SLOWEST_S = 0.02, 0.35
LENGTHS_S = (0.8, 1.0, 2.0, 3.0, 5.0)
SEEN_S = 0.3
"""Three periods of the slowest counter known."""
MARGIN_S = 5.0
"""Of healthy trace before and after a freeze."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Readings of one counter with the power beside it, and how they came about."""

    read_s: Floats
    energy_j: Floats
    power: tuple[Floats, Floats]
    kind: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """Standstills of one length, with what was drawn meanwhile `lost` or shown late: how many were seen, and called."""

    lost: bool
    length_s: float
    seen: int
    called: int
    seen_with_power: int
    called_with_power: int


def main() -> None:
    """Print both tables and write `out/freezes.json`."""
    rng = np.random.default_rng(20261128)
    false: Counter[str] = Counter()
    for _ in range(TRACES):
        trace = random_trace(rng)
        false[trace.kind] += bool(find_freezes(trace.read_s, trace.energy_j, trace.power))
    rows = [_row(rng, length_s, lost=lost) for lost in (True, False) for length_s in LENGTHS_S]
    here = machine()
    print(f"\nfreezes ({here['cores']} cores, Python {here['python']}; traces of {DURATION_S:.0f} s)")
    print(f"false freezes: {false.total()} in {TRACES} healthy traces {dict(+false) or ''}")
    for row in rows:
        kind = "freezes" if row.lost else "late updates, with nothing lost,"
        print(
            f"{kind} of {row.length_s:g} s: {row.called} of {row.seen} called frozen "
            f"({row.called_with_power} of {row.seen_with_power} beside power); "
            f"{FROZEN_TRACES - row.seen} not seen, since the counter was hardly read meanwhile"
        )
    write("freezes", {"traces": TRACES, "false": dict(+false), "rows": [asdict(row) for row in rows]})


def _row(rng: Generator, length_s: float, *, lost: bool) -> Row:
    found = []
    for _ in range(FROZEN_TRACES):
        start_s = float(rng.uniform(MARGIN_S, DURATION_S - MARGIN_S - length_s))
        still_s = (start_s, start_s + length_s)
        trace = random_trace(rng, still_s, lost=lost)
        freezes = find_freezes(trace.read_s, trace.energy_j, trace.power)
        is_called = any(each.start_s < still_s[1] and start_s < each.end_s for each in freezes)
        found.append((is_called, _is_seen(trace, still_s), len(trace.power[0]) > 0))
    seen = [(called, beside_power) for called, is_seen, beside_power in found if is_seen]
    return Row(
        lost=lost,
        length_s=length_s,
        seen=len(seen),
        called=sum(called for called, _ in seen),
        seen_with_power=sum(beside_power for _, beside_power in seen),
        called_with_power=sum(called and beside_power for called, beside_power in seen),
    )


def _is_seen(trace: Trace, still_s: tuple[float, float]) -> bool:
    """Return whether readings within the standstill lie further apart than a healthy counter shows one value."""
    inside_s = trace.read_s[(trace.read_s >= still_s[0]) & (trace.read_s < still_s[1])]
    return len(inside_s) > 1 and inside_s[-1] - inside_s[0] > SEEN_S


def random_trace(rng: Generator, still_s: tuple[float, float] | None = None, *, lost: bool = True) -> Trace:
    """Return readings of a counter of 20 or 100 ms; in `still_s` it stands still, and what it misses may be `lost`."""
    reads, powers = _pick(rng, READINGS), _pick(rng, POWERS)
    period_s = float(np.exp(rng.uniform(np.log(FASTEST_S), np.log(SLOWEST_S))))
    read_s = np.cumsum(READINGS[reads](rng, period_s))
    read_s = read_s[read_s < DURATION_S]
    fine_s = np.arange(0.0, DURATION_S + 1, STEP_S)
    drawn_j = np.concatenate([[0.0], np.cumsum(POWERS[powers](rng, fine_s)[:-1]) * STEP_S])
    tick_s, shown_j = _published(rng, fine_s, drawn_j)
    if still_s is not None:
        shown_j = _still(tick_s, shown_j, *still_s, lost=lost)
    energy_j = np.round(shown_j[np.searchsorted(tick_s, read_s, side="right") - 1], 3)
    beside = _pick(rng, AVERAGES)
    return Trace(
        read_s=read_s,
        energy_j=energy_j,
        power=_power_beside(read_s, fine_s, drawn_j, AVERAGES[beside]),
        kind=f"{reads}, {powers}, {beside}",
    )


def _pick(rng: Generator, table: dict[str, Any]) -> str:
    return str(rng.choice(list(table)))


def _published(rng: Generator, fine_s: Floats, drawn_j: Floats) -> tuple[Floats, Floats]:
    """Return when the counter is updated (on time, a little late, now and then not at all), and what it then shows."""
    period_s = rng.choice([0.02, 0.1])
    number = np.arange(-2, int(DURATION_S / period_s) + 2)
    late_s = np.abs(rng.normal(0.0, rng.choice([0.0002, 0.001, 0.1 * period_s]), len(number)))
    tick_s = np.sort((number + rng.uniform(0, 1)) * period_s + late_s)
    tick_s = tick_s[rng.uniform(0, 1, len(tick_s)) >= rng.choice([0.0, 0.005])]
    return tick_s, np.interp(tick_s, fine_s, drawn_j)


def _still(tick_s: Floats, shown_j: Floats, start_s: float, end_s: float, *, lost: bool) -> Floats:
    within = (tick_s >= start_s) & (tick_s < end_s)
    if lost:
        rise_j = np.where(within, 0.0, np.diff(shown_j, prepend=shown_j[0]))
        return shown_j[0] + np.cumsum(rise_j)
    return np.where(within, shown_j[np.argmax(within) - 1], shown_j)


def _power_beside(
    read_s: Floats, fine_s: Floats, drawn_j: Floats, average_s: float | None
) -> tuple[Floats, Floats]:
    """Return the power readings: every 100 ms the mean until then."""
    if average_s is None:
        return np.empty(0), np.empty(0)
    until_s = np.floor(read_s / 0.1) * 0.1
    mean_j = np.interp(until_s, fine_s, drawn_j) - np.interp(until_s - average_s, fine_s, drawn_j)
    return read_s, mean_j / average_s


def _count(period_s: float) -> int:
    return int(1.5 * DURATION_S / period_s)


def _even(_rng: Generator, period_s: float) -> Floats:
    return np.full(_count(period_s), period_s)


def _jittered(rng: Generator, period_s: float) -> Floats:
    return period_s * rng.uniform(0.6, 1.4, _count(period_s))


def _random(rng: Generator, period_s: float) -> Floats:
    """Return gaps as the sampler spaces its readings."""
    return period_s * rng.uniform(0.25, 1.75, 2 * _count(period_s))


def _slow_calls(rng: Generator, period_s: float) -> Floats:
    gaps_s = np.full(_count(period_s), period_s)
    return gaps_s + rng.exponential(rng.uniform(0.05, 0.5) * period_s, len(gaps_s))


def _held_up(rng: Generator, period_s: float) -> Floats:
    """Return even gaps and, once in a few seconds, one of up to a second and a half."""
    gaps_s = np.full(_count(period_s), period_s)
    held = rng.uniform(0, 1, len(gaps_s)) < period_s / 4.0
    return gaps_s + held * rng.uniform(0.1, 1.5, len(gaps_s))


READINGS: dict[str, Callable[[Generator, float], Floats]] = {
    "even": _even,
    "jittered": _jittered,
    "random": _random,
    "slow calls": _slow_calls,
    "held up": _held_up,
}


def _steady(rng: Generator, fine_s: Floats) -> Floats:
    return rng.uniform(100, 690) + rng.normal(0.0, rng.uniform(0, 10), len(fine_s))


def _idle(rng: Generator, fine_s: Floats) -> Floats:
    return np.maximum(rng.uniform(3, 70) + rng.normal(0.0, 0.3, len(fine_s)), 1.0)


def _waves(rng: Generator, fine_s: Floats) -> Floats:
    on = (fine_s / np.exp(rng.uniform(np.log(0.05), np.log(3.0)))) % 1 < rng.uniform(0.2, 0.8)
    noise_w = rng.normal(0.0, 3.0, len(fine_s))
    return np.maximum(np.where(on, rng.uniform(200, 690), rng.uniform(15, 120)) + noise_w, 5.0)


def _bursts(rng: Generator, fine_s: Floats) -> Floats:
    """Return idle power and bursts of random length after random pauses: short peaks, then decoding."""
    idle_w, work_w, peak_w = rng.uniform(10, 80), rng.uniform(150, 400), rng.uniform(400, 690)
    power_w, at_s = np.full(len(fine_s), idle_w), 0.0
    while at_s < fine_s[-1]:
        begin_s = at_s + rng.exponential(1.0)
        decode_s = begin_s + rng.uniform(0.02, 0.2)
        at_s = decode_s + rng.exponential(1.5)
        power_w[(fine_s >= begin_s) & (fine_s < decode_s)] = peak_w
        power_w[(fine_s >= decode_s) & (fine_s < at_s)] = work_w
    return power_w + rng.uniform(0.0, 2.0, len(fine_s))


POWERS: dict[str, Callable[[Generator, Floats], Floats]] = {
    "steady": _steady,
    "idle": _idle,
    "waves": _waves,
    "bursts": _bursts,
}
AVERAGES: dict[str, float | None] = {"power of 25 ms": 0.025, "power of 1 s": 1.0, "no power": None}


if __name__ == "__main__":
    main()
