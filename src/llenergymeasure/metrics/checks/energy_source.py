"""Checks of the source of the energy: power readings instead of a counter, or two sources that disagree."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.meters.gpu_choice import WHOLE_CARD
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.counter_vs_power import AGREEMENT, compare_counter_with_power
from llenergymeasure.metrics.energy.deconvolved_curve import DeconvolvedCurve
from llenergymeasure.metrics.energy.sampled_curve import SampledCurve


def check_source_is_the_counter(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A GPU without a usable energy counter, whose energy is integrated from its power readings."""
    for index, curve in enumerate(inputs.account.curves):
        if curve.channel.domain != "gpu" or not isinstance(curve, (SampledCurve, DeconvolvedCurve)):
            continue
        why = "has no energy counter"
        if curve.channel.method == "counter":
            shown = np.isfinite(inputs.account.trace.of(index)["energy_j"]).any()
            why = f"has an energy counter that {'does not move' if shown else 'cannot be read'}"
        yield RunWarning(
            code="source_chosen",
            message=f"{curve.channel.label} {why}: its energy is integrated from its power readings.",
            remedy="Use windows of 10 s or more: the error between two readings then averages out.",
            severity="info",
        )


def check_counter_agrees_with_power(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A counter and power readings that differ under load by more than their uncertainty."""
    for index, curve in enumerate(inputs.account.curves):
        compared = compare_counter_with_power(inputs.account, index, inputs.windows)
        if compared is None or not compared.disagrees or inputs.stale_power[index]:
            continue
        if compared.is_under_load(inputs.energy.by_device[index].idle_power_w):
            yield RunWarning(
                code="counter_power_disagree",
                message=f"Over the windows the power readings of {curve.channel.label} give "
                f"{compared.difference:+.1%} against its energy counter, which was used. This is more than "
                f"{AGREEMENT:.0%} plus the uncertainty between readings "
                f"({compared.half_width_j / compared.counter_j:.1%}).",
                remedy="Run `llem calibrate` on this machine to find out which of the two is wrong.",
            )


def check_card_is_not_shared(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A MIG instance, whose energy is that of the whole card."""
    for channel in inputs.account.channels:
        if WHOLE_CARD in (channel.note or ""):
            yield RunWarning(
                code="mig_whole_card",
                message=f"{channel.label} is divided by MIG, but only the whole card is metered: the figures "
                "include the energy of all its instances.",
                remedy="Keep the other instances idle and report it beside the figures, or switch MIG off.",
            )
