"""The record of what bounds prefill and decoding."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from llenergymeasure.domain.breakdowns.roofline import PhaseRoofline, Roofline
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.utilisation import time_in, why_no_time, why_unknown, work_in
from llenergymeasure.metrics.performance.roofline.activity import FIELDS, activity_within
from llenergymeasure.metrics.performance.roofline.bound import RULE, PhaseUse, what_bounds
from llenergymeasure.metrics.performance.roofline.cards import Cards

PhasePart = Literal["prefill", "decode"]


def roofline(inputs: FigureInputs) -> Roofline:
    """Return the cards, their peaks, and what bounds each phase over all windows."""
    cards = inputs.cards
    phases = {"prefill": _phase(inputs, "prefill"), "decode": _phase(inputs, "decode")}
    if isinstance(cards, str):
        return Roofline(rule=RULE, unknown=cards, **phases)
    return Roofline(
        card=cards.name,
        cards=cards.count,
        precision=cards.precision,
        peak_flops_per_s=cards.peak_flops_per_s,
        memory_bandwidth_bytes_per_s=cards.peaks.memory_bandwidth_bytes_per_s,
        ridge_flop_per_byte=cards.ridge_flop_per_byte,
        sheet=cards.peaks.sheet,
        url=cards.peaks.url,
        limits=cards.limits,
        rule=RULE,
        **phases,
    )


def _phase(inputs: FigureInputs, part: PhasePart) -> PhaseRoofline:
    flops, n_bytes = _sum(inputs, "flops_model", part), _sum(inputs, "n_bytes", part)
    duration_s = _duration_s(inputs, part)
    activity = _activity(inputs, part)
    intensity = None if flops is None or not n_bytes else flops / n_bytes
    bound, reason = None, _why(inputs, part)
    cards = inputs.cards
    if reason is None and isinstance(cards, Cards) and flops is not None and n_bytes and duration_s:
        bound, reason = what_bounds(
            PhaseUse(
                mfu=flops / (duration_s * cards.flops_per_s),
                mbu=n_bytes / (duration_s * cards.bytes_per_s),
                intensity_flop_per_byte=flops / n_bytes,
                ridge_flop_per_byte=cards.ridge_flop_per_byte,
                sm_activity_pct=activity["sm_activity_pct"],
                cards=cards.count,
            )
        )
    return PhaseRoofline(
        bound=bound,
        reason=reason or "the phase moves no bytes",
        arithmetic_intensity_flop_per_byte=intensity,
        duration_s=duration_s,
        **activity,
    )


def _why(inputs: FigureInputs, part: PhasePart) -> str | None:
    return why_unknown(inputs, "flops_model", part) or why_unknown(inputs, "n_bytes", part)


def _sum(inputs: FigureInputs, work: Literal["flops_model", "n_bytes"], part: PhasePart) -> float | None:
    values = [work_in(inputs, row, work, part) for row in inputs.rows]
    known = [each for each in values if each is not None]
    return math.fsum(known) if known and len(known) == len(values) else None


def _duration_s(inputs: FigureInputs, part: PhasePart) -> float | None:
    if not inputs.rows or why_no_time(inputs, part) is not None:
        return None
    return math.fsum(time_in(inputs, row, part) or 0.0 for row in inputs.rows)


def _activity(inputs: FigureInputs, part: PhasePart) -> dict[str, float | None]:
    """Return the mean activity of the model's cards within the stretches of a phase; one card's counts as another's."""
    nothing: dict[str, float | None] = dict.fromkeys(FIELDS)
    if inputs.account is None or isinstance(inputs.cards, str):
        return nothing
    times = [each for row in inputs.rows if (each := inputs.step_times(row)) is not None]
    if not times:
        return nothing
    stretches = [each.prefill if part == "prefill" else each.decode for each in times]
    starts = np.concatenate([each.start_unix_ns for each in stretches])
    ends = np.concatenate([each.end_unix_ns for each in stretches])
    trace, uuids = inputs.account.trace, inputs.cards.uuids
    readings = [
        activity_within(trace.of(number), starts, ends)
        for number, channel in enumerate(trace.channels)
        if channel.device in uuids
    ]
    means = {name: [each.mean_pct(name) for each in readings] for name in FIELDS}
    known = {name: [mean for mean in of_cards if mean is not None] for name, of_cards in means.items()}
    return {name: math.fsum(values) / len(values) if values else None for name, values in known.items()}
