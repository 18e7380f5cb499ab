"""The beat of a counter that publishes at a fixed period, found from samples that only bracket each tick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED_SAMPLES, SEED_TICKS = 128, 8
SEEDS = 3
"""Where the first block misleads, others are tried."""
PAUSE = 5.0
"""So many times the usual time between ticks is no tick interval: the counter or the sampling paused."""
BLOCK_TICKS = 64
"""A phase is good to a fraction of a sampling gap over the ticks of its block; over so few no sensor's clock drifts."""
GUESS = 1.3
"""The period lies within this factor of what the share of brackets that moved lets one expect."""
RESOLUTION = 1 / 12
"""How far two neighbouring trial periods are apart after all the ticks looked at, in sampling gaps."""
FINEST_STEP = 1e-5
"""Relative; a block with a long pause in it must not ask for millions of trial periods."""
REACH = 12
"""How many steps of the former search the next one looks to either side: one sampling gap."""
TRUSTED = 0.88
"""Least agreement beyond chance; wrong periods reach 0.85, ticks that stray by a twentieth of a period reach 0.9."""
PHASE_MARGIN = 2.0
"""The range left to a phase holds too few of its errors, since over a trace of seconds the period is known only so
well; twice the range holds the energy of windows of a second in 95 % of cases in simulation."""
UNSTEADINESS = 1.25
"""A tick that strays by d shows in the wrong bracket with probability 2 d / period; 95 % of a normal error is 2.5 mean
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


def find_update_period(brackets: SamplePairs) -> UpdatePeriod | None:
    """Return the rhythm of the ticks; None where they are too few, irregular, or faster than they are sampled."""
    brackets = _without_pauses(brackets)
    ticks = int(brackets.moved.sum())
    if ticks < SEED_TICKS or ticks > 0.98 * len(brackets):
        return None
    size = min(len(brackets), max(SEED_SAMPLES, round(BLOCK_TICKS * len(brackets) / ticks)))
    first = np.unique(np.append(np.arange(0, len(brackets) - size + 1, size), len(brackets) - size))
    blocks = brackets.rows(first[:, None] + np.arange(size))
    for seed in np.unique(np.linspace(0, len(first) - 1, SEEDS).astype(int)):
        period_s = _without_drift(blocks, _period_of_block(blocks.rows(seed)))
        phase_s, width_s, _ = _best_phase(blocks, np.full(len(first), period_s))
        agrees = _holds_beat(blocks, phase_s[:, None], period_s) == blocks.moved
        if _agreement_beyond_chance(agrees, blocks.moved) >= TRUSTED:
            stray_s = UNSTEADINESS * period_s * (1 - agrees.mean(axis=1))
            return UpdatePeriod(
                period_s=period_s,
                since_s=blocks.lo_s[:, 0],
                phase_s=phase_s,
                error_s=PHASE_MARGIN * width_s + stray_s,
            )
    return None


def _without_pauses(brackets: SamplePairs) -> SamplePairs:
    """Leave out where the counter stood still or was not read for far longer than between two ticks."""
    if brackets.moved.sum() < SEED_TICKS:
        return brackets
    usual_s = float(np.median(np.diff(brackets.hi_s[brackets.moved])))
    last_s = np.maximum.accumulate(np.where(brackets.moved, brackets.lo_s, brackets.lo_s[0]))
    next_s = np.minimum.accumulate(np.where(brackets.moved, brackets.hi_s, brackets.hi_s[-1])[::-1])[::-1]
    return brackets.rows(
        (next_s - last_s < PAUSE * usual_s) & (brackets.hi_s - brackets.lo_s < PAUSE * usual_s)
    )


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


def _period_by_share(brackets: SamplePairs) -> float:
    """Guess the period from how many brackets moved: one of length d holds a tick with probability d / period."""
    length_s = brackets.hi_s - brackets.lo_s
    periods_s = float(length_s.mean()) / brackets.moved.mean() * np.linspace(0.2, 1.0, 81)
    expected = np.minimum(1.0, length_s[None, :] / periods_s[:, None]).mean(axis=1)
    return float(periods_s[int(np.abs(expected - brackets.moved.mean()).argmin())])


def _without_drift(blocks: SamplePairs, period_s: float) -> float:
    """Correct the period by the drift of the phase from block to block, over ever more blocks."""
    count, reach = len(blocks.lo_s), 1
    while reach < count:
        reach = min(4 * reach, count)
        part = blocks.rows(np.arange(reach))
        phase_s, _, _ = _best_phase(part, np.full(reach, period_s))
        beats = np.round((phase_s - phase_s[0]) / period_s)
        if not beats.any():  # all blocks overlap: they are of one and the same stretch
            continue
        drift_s = phase_s - phase_s[0] - beats * period_s
        period_s += float((drift_s * beats).sum() / (beats * beats).sum())
    return period_s


def _best_phase(
    rows: SamplePairs, periods_s: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return, per row, the phase that agrees with most brackets, how far it may move, and the share that agrees.

    A bracket that moved holds a tick, so the phase lies in it, modulo the period; one that did not move excludes its
    span. The phase of widest agreement is found by walking round the circle of phases and counting.
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


def _holds_beat(rows: SamplePairs, phase_s: NDArray[Any], period_s: float) -> NDArray[Any]:
    before = np.floor((rows.lo_s - phase_s) / period_s)
    holds: NDArray[Any] = np.floor((rows.hi_s - phase_s) / period_s) > before
    return holds


def _agreement_beyond_chance(agrees: NDArray[Any], moved: NDArray[Any]) -> float:
    """Return Cohen's kappa (1960) of predicted and seen moves: 1 is perfect, 0 what chance would give."""
    share = float(moved.mean())
    by_chance = 2 * share * (1 - share)
    return 1.0 - float(1 - agrees.mean()) / by_chance if by_chance > 0 else 0.0
