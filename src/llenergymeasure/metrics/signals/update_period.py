"""Update period and phase of a counter that publishes at a fixed period, from samples that only pair each tick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED_SAMPLES, SEED_TICKS = 128, 8
"""Pairs and ticks of the first search. Here and below, numbers without a source were chosen on simulated traces, and
are checked by `make bench-coverage` and `tests/unit/metrics/energy/test_counter_ticks.py`."""
SEEDS = 3
"""Blocks that the search is begun from, until one gives a period that agrees."""
PAUSE = 5.0
"""This many times the usual time between ticks is no tick interval: the counter or the sampling paused."""
BLOCK_TICKS = 64
"""Ticks of a block that has a phase of its own: 6.4 s of the slowest counter known, over which no sensor's clock drifts
by a sampling gap."""
GUESS = 1.3
"""The period lies within this factor of the first guess, equation (2)."""
RESOLUTION = 1 / 12
"""Distance of two neighbouring trial periods after all the ticks looked at, in sampling gaps: equation (4)."""
FINEST_STEP = 1e-5
"""Relative; a block with a long pause in it must not ask for millions of trial periods."""
REACH = 12
"""Steps of the last search that the next one looks to either side: one sampling gap."""
LEAST_KAPPA = 0.88
"""Least agreement beyond chance, equation (6); in simulation wrong periods reach 0.85, ticks that stray by a twentieth
of a period 0.9."""
PHASE_MARGIN = 2.0
"""Factor on the width of the best phase, equation (7): over a trace of seconds the period itself is uncertain. Twice
the width covers the energy of windows of a second in 95 % of cases (`make bench-coverage`)."""
JITTER_FACTOR = 1.25
"""A tick that strays by d shows in the wrong pair with probability 2 d / period; 95 % of a normal error is 2.5 mean
absolute ones."""


@dataclass(frozen=True, kw_only=True)
class SamplePairs:
    """Pairs of consecutive samples: in `(lo_s, hi_s]` the counter has `moved`, or it has not. Each of shape (n,)."""

    lo_s: NDArray[Any]
    hi_s: NDArray[Any]
    moved: NDArray[Any]

    def __len__(self) -> int:
        return len(self.lo_s)

    def rows(self, index: NDArray[Any]) -> SamplePairs:
        return SamplePairs(lo_s=self.lo_s[index], hi_s=self.hi_s[index], moved=self.moved[index])


@dataclass(frozen=True, kw_only=True)
class UpdatePeriod:
    """Ticks at `phase_s + k * period_s`, block by block; `error_s` is the 95 % half-width of a tick's time.

    `since_s` is when each block begins.
    """

    period_s: float
    since_s: NDArray[Any]
    phase_s: NDArray[Any]
    error_s: NDArray[Any]


def find_update_period(pairs: SamplePairs) -> UpdatePeriod | None:
    """Return the update period and phases of a counter; None for ticks too few, irregular, or faster than sampled.

    Equations (1) to (7) of docs/explanation/signal-processing.md.
    """
    pairs = _without_pauses(pairs)
    ticks = int(pairs.moved.sum())
    if ticks < SEED_TICKS or ticks > 0.98 * len(pairs):
        return None
    size = min(len(pairs), max(SEED_SAMPLES, round(BLOCK_TICKS * len(pairs) / ticks)))
    first = np.unique(np.append(np.arange(0, len(pairs) - size + 1, size), len(pairs) - size))
    blocks = pairs.rows(first[:, None] + np.arange(size))
    for seed in np.unique(np.linspace(0, len(first) - 1, SEEDS).astype(int)):
        period_s = _without_drift(blocks, _period_of_block(blocks.rows(seed)))
        phase_s, width_s, _ = _best_phase(blocks, np.full(len(first), period_s))
        agrees = _has_update(blocks, phase_s[:, None], period_s) == blocks.moved
        if _agreement_beyond_chance(agrees, blocks.moved) >= LEAST_KAPPA:
            jitter_s = JITTER_FACTOR * period_s * (1 - agrees.mean(axis=1))
            return UpdatePeriod(
                period_s=period_s,
                since_s=blocks.lo_s[:, 0],
                phase_s=phase_s,
                error_s=PHASE_MARGIN * width_s + jitter_s,
            )
    return None


def _without_pauses(pairs: SamplePairs) -> SamplePairs:
    """Leave out where the counter was constant or not read for far longer than the time between two ticks."""
    if pairs.moved.sum() < SEED_TICKS:
        return pairs
    usual_s = float(np.median(np.diff(pairs.hi_s[pairs.moved])))
    last_s = np.maximum.accumulate(np.where(pairs.moved, pairs.lo_s, pairs.lo_s[0]))
    next_s = np.minimum.accumulate(np.where(pairs.moved, pairs.hi_s, pairs.hi_s[-1])[::-1])[::-1]
    return pairs.rows((next_s - last_s < PAUSE * usual_s) & (pairs.hi_s - pairs.lo_s < PAUSE * usual_s))


def _period_of_block(block: SamplePairs) -> float:
    """Find the period on the first ticks of a block, then ever more finely over longer stretches of it."""
    gap_s = float(np.median(block.hi_s - block.lo_s))
    enough = int(np.searchsorted(np.cumsum(block.moved), SEED_TICKS)) + 1
    samples = min(len(block), max(SEED_SAMPLES, enough))
    guess_s = _period_by_share(block.rows(np.arange(samples)))
    low, high = guess_s / GUESS, guess_s * GUESS
    while True:
        part = block.rows(np.arange(samples)[None, :])
        step = max(RESOLUTION * gap_s / float(part.hi_s[0, -1] - part.lo_s[0, 0]), FINEST_STEP)
        periods_s = low * np.exp(np.arange(0.0, np.log(high / low) + step, step))
        period_s = float(periods_s[int(_best_phase(part, periods_s)[2].argmax())])
        if samples >= len(block):
            return period_s
        samples = min(2 * samples, len(block))
        low, high = period_s * (1 - REACH * step), period_s * (1 + REACH * step)


def _period_by_share(pairs: SamplePairs) -> float:
    """Guess the period by equation (2): a pair of length d contains a tick with probability d / period."""
    length_s = pairs.hi_s - pairs.lo_s
    periods_s = float(length_s.mean()) / pairs.moved.mean() * np.linspace(0.2, 1.0, 81)
    expected = np.minimum(1.0, length_s[None, :] / periods_s[:, None]).mean(axis=1)
    return float(periods_s[int(np.abs(expected - pairs.moved.mean()).argmin())])


def _without_drift(blocks: SamplePairs, period_s: float) -> float:
    """Correct the period by the drift of the phase from block to block, equation (5), over ever more blocks."""
    count, reach = len(blocks.lo_s), 1
    while reach < count:
        reach = min(4 * reach, count)
        part = blocks.rows(np.arange(reach))
        phase_s, _, _ = _best_phase(part, np.full(reach, period_s))
        updates = np.round((phase_s - phase_s[0]) / period_s)
        if not updates.any():  # all blocks overlap: they are of the same stretch
            continue
        drift_s = phase_s - phase_s[0] - updates * period_s
        period_s += float((drift_s * updates).sum() / (updates * updates).sum())
    return period_s


def _best_phase(
    rows: SamplePairs, periods_s: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return, per row, the phase that agrees with most pairs, how far it may move, and the share that agrees.

    A pair that moved contains a tick, so the phase lies in it, modulo the period; one that did not move excludes its
    span. The phase of widest agreement, equation (3), is found by walking round the circle of phases and counting.
    """
    period = periods_s[:, None]
    base_s = rows.lo_s[:, :1]
    length = rows.hi_s - rows.lo_s
    informative = length < period
    weight = np.where(informative, np.where(rows.moved, 1, -1), 0)
    start = np.mod(rows.lo_s - base_s, period)
    end = np.mod(start + length, period)
    at = np.concatenate([start, end], axis=1)
    change = np.concatenate([weight, -weight], axis=1)
    order = at.argsort(axis=1)
    at, change = np.take_along_axis(at, order, 1), np.take_along_axis(change, order, 1)
    agreeing = (weight * (end < start)).sum(axis=1)[:, None] + change.cumsum(axis=1)
    width = np.diff(at, axis=1, append=at[:, :1] + period)
    best = (agreeing + 0.5 * width / period).argmax(axis=1)[:, None]
    always = np.where(rows.moved, ~informative, informative).sum(axis=1)
    width_s = np.take_along_axis(width, best, 1)[:, 0]
    phase_s = np.take_along_axis(at, best, 1)[:, 0] + width_s / 2 + base_s[:, 0]
    explained = always + np.take_along_axis(agreeing + 0.5 * width / period, best, 1)[:, 0]
    return phase_s, width_s, explained / rows.lo_s.shape[1]


def _has_update(rows: SamplePairs, phase_s: NDArray[Any], period_s: float) -> NDArray[Any]:
    before = np.floor((rows.lo_s - phase_s) / period_s)
    has: NDArray[Any] = np.floor((rows.hi_s - phase_s) / period_s) > before
    return has


def _agreement_beyond_chance(agrees: NDArray[Any], moved: NDArray[Any]) -> float:
    """Return Cohen's kappa (1960) of predicted and seen moves: 1 is perfect, 0 what chance would give."""
    share = float(moved.mean())
    by_chance = 2 * share * (1 - share)
    return 1.0 - float(1 - agrees.mean()) / by_chance if by_chance > 0 else 0.0
