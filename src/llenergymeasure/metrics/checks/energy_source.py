"""Doubts about where the energy comes from: the second choice of a source, or two that contradict each other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.meters.gpu_choice import WHOLE_CARD
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.counter_vs_power import AGREEMENT, compare_sources
from llenergymeasure.metrics.energy.deconvolved_curve import DeconvolvedCurve
from llenergymeasure.metrics.energy.sampled_curve import SampledCurve


def check_source_is_the_counter(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A GPU whose energy comes from its power readings: `metrics.energy` found no counter that can be used."""
    for index, curve in enumerate(evidence.account.curves):
        if curve.channel.domain != "gpu" or not isinstance(curve, (SampledCurve, DeconvolvedCurve)):
            continue
        why = "has no energy counter"
        if curve.channel.method == "counter":
            shown = np.isfinite(evidence.account.trace.of(index)["energy_j"]).any()
            why = f"has an energy counter that {'does not move' if shown else 'cannot be read'}"
        yield RunWarning(
            code="source_chosen",
            message=f"{curve.channel.label} {why}: its energy is integrated from its power readings.",
            remedy="Prefer windows of 10 s and more: they average over what lies between two readings.",
            severity="info",
        )


def check_counter_agrees_with_power(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A counter and power readings that differ under load by more than the readings leave open."""
    for index, curve in enumerate(evidence.account.curves):
        compared = compare_sources(evidence.account, index, evidence.windows)
        if compared is None or not compared.disagrees or evidence.stale_power[index]:
            continue
        if compared.is_under_load(evidence.energy.by_device[index].idle_power_w):
            yield RunWarning(
                code="counter_power_disagree",
                message=f"Over the windows the power readings of {curve.channel.label} give "
                f"{compared.difference:+.1%} against its energy counter, which was used; more than "
                f"{AGREEMENT:.0%} and what lies between the readings "
                f"({compared.half_width_j / compared.counter_j:.1%}) explain.",
                remedy="Run `llem calibrate` on this machine to find out which of the two is off.",
            )


def check_card_is_not_shared(evidence: CheckInputs) -> Iterable[RunWarning]:
    """A slice of a card, whose energy is that of the whole card."""
    for channel in evidence.account.channels:
        if WHOLE_CARD in (channel.note or ""):
            yield RunWarning(
                code="mig_whole_card",
                message=f"{channel.label} is divided by MIG, but only the card as a whole is metered: the figures "
                "hold what all its instances drew.",
                remedy="Leave the other instances idle and say so beside the figures, or switch MIG off.",
            )
