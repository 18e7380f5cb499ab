"""The energy of the windows, split into prefill, decode and rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.breakdowns.phase_split import PhaseSplit
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.metrics.attribution.phases.intervals import RunEnergies, energies_of_runs, error_parts
from llenergymeasure.metrics.attribution.phases.least_squares import ChannelData, fitted_energies
from llenergymeasure.metrics.attribution.phases.observations import observations
from llenergymeasure.metrics.attribution.phases.reasons import NotIdentifiable
from llenergymeasure.metrics.attribution.phases.times import PhaseTimes, Runs, phase_times
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.uncertainty.meter_terms import meter_terms

RESOLVED = 10.0
"""Intervals of the sensors that the usual prefill and the usual run of decoding last at least, where their energies are
read off the trace: what lies between a tick and an edge is then a small part of them."""

MIXED = "steps compute the prompts of some requests and the tokens of others at once"

Floats = NDArray[np.float64]
Source = Literal["steps", "requests"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitEnergies:
    """A split, and the 95 % half-widths of its three energies, shape (3,); None where there is no split."""

    split: PhaseSplit
    half_width_j: Floats | None = None
    """Without the spread between repeats, which `metrics.figures.phases` adds."""
    runs: RunEnergies | None = None
    """Energies by window, where they were read off the trace."""


@dataclass(frozen=True, kw_only=True)
class PhaseShares:
    """What a fitted cost of tokens and steps gives each phase of the energy of all windows; they add up to it."""

    prefill_j: float
    decode_j: float
    rest_j: float


NOT_SPLIT = SplitEnergies(split=PhaseSplit(reason="no window was completed"))


def split_phases(
    account: EnergyAccount,
    rows: Sequence[WindowTotals],
    requests: RequestTable,
    steps: StepTable | None,
    shares: PhaseShares | str,
    info: ModelInfo | None = None,
) -> SplitEnergies:
    """Split the energy of all windows together; without a split, the reason is in the record.

    `shares`, or why there are none, are used where steps mix both phases. `info` may say why there are no times
    of tokens.
    """
    if not rows:
        return NOT_SPLIT
    unknown = next((row.energy.reason for row in rows if row.energy.energy_j is None), None)
    if unknown is not None:
        return _none(unknown)
    windows_ns = np.array(
        [(row.window.start_unix_ns, row.window.end_unix_ns) for row in rows], dtype=np.int64
    )
    found = phase_times(steps, requests, windows_ns, info)
    if isinstance(found, str):
        return _none(found)
    if float(sum(row.energy.energy_j or 0.0 for row in rows)) <= 0:
        return _none("the energy of the windows is 0")
    source, tokens = _tokens(steps, requests, windows_ns)
    facts = {"phases_from": source, "prefill_tokens": tokens[0], "decode_tokens": tokens[1]}
    if found.is_mixed:
        return _shared(shares, facts)
    return _split(account, rows, found, windows_ns, facts)


def _shared(shares: PhaseShares | str, facts: dict[str, Any]) -> SplitEnergies:
    if isinstance(shares, str):
        return _none(f"{MIXED}, and their energy cannot be shared: {shares}", **facts)
    energy_j = np.array([shares.prefill_j, shares.decode_j, shares.rest_j])
    return _outcome(energy_j, None, method="model", **facts)


def _split(
    account: EnergyAccount,
    rows: Sequence[WindowTotals],
    times: PhaseTimes,
    windows_ns: Runs,
    known: dict[str, Any],
) -> SplitEnergies:
    total_j = math.fsum(row.energy.energy_j or 0.0 for row in rows)
    channels = list(_channels(account))
    lasts_s = [_seconds(runs) for runs in (times.prefill_ns, times.decode_ns)]
    facts: dict[str, Any] = {
        **known,
        "prefills": len(times.prefill_ns),
        "prefill_s": float(lasts_s[0].sum()),
        "decode_s": float(lasts_s[1].sum()),
        "rest_s": max(float(_seconds(windows_ns).sum() - lasts_s[0].sum() - lasts_s[1].sum()), 0.0),
    }
    resolution_s = max((each.observed.resolution_s for each in channels), default=0.0)
    if all(float(np.median(each)) >= RESOLVED * resolution_s for each in lasts_s if len(each)):
        runs = energies_of_runs(account, times.prefill_ns, times.decode_ns, rows)
        if isinstance(runs, str):
            return _none(runs, **facts)
        energy_j = runs.by_window_j.sum(axis=0)
        return replace(_outcome(energy_j, runs.half_width_j, method="intervals", **facts), runs=runs)
    fitted = fitted_energies(channels, times, windows_ns)
    if isinstance(fitted, NotIdentifiable):
        return _none(fitted.reason, remedy=fitted.remedy, **facts)
    share = float(fitted.energy_j.sum()) / total_j
    # What the fit lacks of the measured energy may belong to any of the phases, whatever the scale gives each.
    scaled_share = math.hypot(error_parts(meter_terms(rows)).random_j / total_j, 1 - share)
    half_width_j = np.hypot(fitted.half_width_j, scaled_share * fitted.energy_j) / share
    return _outcome(
        fitted.energy_j / share,
        half_width_j,
        method="least_squares",
        cells=fitted.cells,
        relative_residual=fitted.relative_residual,
        condition_number=fitted.condition_number,
        fitted_share=share,
        **facts,
    )


def _tokens(
    steps: StepTable | None, requests: RequestTable, windows_ns: Runs
) -> tuple[Source, tuple[int, int]]:
    """Return where tokens were counted, and how many prompts and decoding had in the windows."""
    prefill = decode = 0
    for start_ns, end_ns in windows_ns.tolist():
        if steps is not None:
            ended = (steps.end_unix_ns > start_ns) & (steps.end_unix_ns <= end_ns)
            prefill += int(steps.prefill_tokens[ended].sum())
            decode += int(steps.decode_tokens[ended].sum())
            continue
        began = (requests.first_token_unix_ns > start_ns) & (requests.first_token_unix_ns <= end_ns)
        cached = np.maximum(requests.cached_prompt_tokens, 0)
        prefill += int((requests.prompt_tokens - cached)[began].sum())
        decode += requests.output_tokens_in(start_ns, end_ns) - int(began.sum())
    return "requests" if steps is None else "steps", (prefill, decode)


def _channels(account: EnergyAccount) -> Iterator[ChannelData]:
    """Yield what each included sensor says; the energy of all of them is known."""
    for curve in account.included:
        observed = observations(curve)
        if observed is not None:
            yield ChannelData(channel=curve.channel, observed=observed)


def _seconds(runs: Runs) -> Floats:
    seconds: Floats = (runs[:, 1] - runs[:, 0]) / 1e9
    return seconds


def _outcome(energy_j: Floats, half_width_j: Floats | None, **facts: Any) -> SplitEnergies:
    prefill_j, decode_j, rest_j = map(float, energy_j)
    split = PhaseSplit(prefill_energy_j=prefill_j, decode_energy_j=decode_j, rest_energy_j=rest_j, **facts)
    return SplitEnergies(split=split, half_width_j=half_width_j)


def _none(reason: str, **facts: Any) -> SplitEnergies:
    return SplitEnergies(split=PhaseSplit(reason=reason, **facts))
