"""Checks of the source of the energy: a second choice, two that disagree, readings of something else."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import numpy as np

from llenergymeasure.core.nvidia.visible import UNLIKE_GPUS
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.trace import Channel, LeftOut
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.energy import COMPUTE_DEVICE_NOT_METERED
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.counter_vs_power import AGREEMENT, compare_counter_with_power
from llenergymeasure.metrics.energy.curve import UnknownCurve
from llenergymeasure.metrics.energy.deconvolved_curve import DeconvolvedCurve
from llenergymeasure.metrics.energy.sampled_curve import SampledCurve

SOURCE_CHOSEN = WarningCode(
    code="source_chosen",
    meaning="A GPU has no usable energy counter, so its energy is integrated from its power readings.",
    remedy="Use windows of 10 s or more: the error between two readings then averages out.",
    severity="info",
    because="The interval of the figures includes what lies between two readings.",
)
COUNTER_POWER_DISAGREE = WarningCode(
    code="counter_power_disagree",
    meaning="The energy counter and the power readings of a device differ under load by more than their uncertainty.",
    remedy="Run `llem calibrate` on this machine to find out which of the two is wrong.",
    severity=Levels(
        of="difference as a fraction of the energy of the counter, without sign", least="warning", invalid=0.5
    ),
    because=f"They should agree within {AGREEMENT:.0%} under load (Zeus, issue 12); one that is wrong by half leaves "
    "the energy unknown by a factor of 1.5 and more.",
)
SHARED_CARD = WarningCode(
    code="shared_card",
    meaning="Only the whole card is metered, and others may use parts of it (MIG, virtual GPUs).",
    remedy="Leave the rest of the card idle and say so beside the figures, or use the whole card.",
    severity="warning",
    because="The other users of the card cannot be seen, so the size of their part is unknown.",
)
WHOLE_MODULE = WarningCode(
    code="whole_module",
    meaning="The readings of a GPU are of its module, with the CPU on it.",
    remedy="Compare it with other machines by the total energy, not by the energy of the GPU.",
    severity="info",
    because="The total is right; only its split by device is not.",
)
METER_REDIRECTED = WarningCode(
    code="meter_redirected",
    meaning="A meter reads something that was put in place of the system's own counters or library.",
    remedy="Unset LLEM_POWERCAP_DIR, LD_LIBRARY_PATH and LD_PRELOAD, or state beside the figures why not.",
    severity="warning",
    because="The readings may be right (a container that mounts the counters elsewhere) or those of a simulator.",
)

GPU_ORDER_UNCERTAIN = WarningCode(
    code="gpu_order_uncertain",
    meaning="The meters may read another GPU than that on which the model ran: CUDA may number unlike cards in another "
    "order than the driver.",
    remedy="Set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name GPUs by UUID in CUDA_VISIBLE_DEVICES.",
    severity="warning",
    because="The backend does not say which card it uses, so that the figures are right or those of another card.",
)
UUID = "GPU-"
"""How the UUID of an NVIDIA card begins."""
SENSOR_LEFT_OUT = WarningCode(
    code="sensor_left_out",
    meaning="A sensor of a meter could not be read, or has nothing behind it: the total is of the others.",
    remedy="See `llem doctor` for what it lacks; energy.exclude leaves it out on purpose.",
    severity=Levels(of="number of sensors that the total lacks", least="info", warning=0.0),
    because="The total lacks a device by an unknown amount. Where the model ran on that device, the total is not what "
    "it cost: then the warning is `compute_device_not_metered`.",
)
SENSOR_EXCLUDED = WarningCode(
    code="sensor_excluded",
    meaning="The configuration leaves a sensor out, so that the total does not include it.",
    remedy="Take it out of energy.exclude to include it.",
    severity="info",
    because="The user chose it. Where it is the device on which the model ran, the warning is "
    "`compute_device_not_metered`.",
)


def check_every_sensor_is_read(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Sensors that could not be opened, have nothing behind them, or are excluded."""
    for each in inputs.left_out:
        said = f"{each.label} of meter '{each.meter}' is not read: {each.reason}."
        if each.included_in_total and _ran_on(each, inputs):
            yield from COMPUTE_DEVICE_NOT_METERED.raised(
                f"{said} The model ran on it, so that the total is not what it cost.", remedy=each.remedy
            )
        elif each.by_choice:
            yield from SENSOR_EXCLUDED.raised(said)
        else:
            total = "The total is of the sensors that were read." if each.included_in_total else ""
            yield from SENSOR_LEFT_OUT.raised(
                f"{said} {total}".rstrip(), magnitude=float(each.included_in_total), remedy=each.remedy
            )
    for curve in inputs.account.curves:
        if isinstance(curve, UnknownCurve) and curve.is_absent:
            said = f"{curve.channel.label} never moved, from the first reading of the run to the last"
            ran_on = _ran_on(curve.channel, inputs)
            row = COMPUTE_DEVICE_NOT_METERED if ran_on else SENSOR_LEFT_OUT
            exclude = f"energy: {{exclude: ['{curve.channel.short_name}']}} leaves it out."
            yield from row.raised(
                f"{said}: there is nothing behind it, and the total is of the other sensors.",
                magnitude=1.0,
                remedy=None if ran_on else exclude,
            )


def _ran_on(sensor: Channel | LeftOut, inputs: CheckInputs) -> bool:
    """Return whether the model ran on a device; of a GPU only where its identity and those of the weights are known."""
    if sensor.domain != ("gpu" if inputs.config.device == "cuda" else "cpu"):
        return False
    if sensor.domain == "cpu":
        return True
    cards = [each for each in inputs.compute_devices if each.startswith("cuda")]
    used = inputs.gpu_uuids
    if len(used) == len(cards) > 0:
        metered = {each.device for each in inputs.account.channels}
        if sensor.device in used.values():
            return True
        if sensor.device.startswith(UUID) or metered.issuperset(used.values()):
            return False
    return bool(not cards or sensor.ordinal is None or f"cuda:{sensor.ordinal}" in cards)


def check_the_right_gpus_are_read(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A card on which the model ran and that no meter reads, or of which nobody knows whether it is the right one."""
    cards = [channel for channel in inputs.account.channels if channel.domain == "gpu"]
    named = {each.device for each in cards} | {each.device for each in inputs.left_out}
    if not any(each.device.startswith(UUID) for each in cards):
        return
    if inputs.gpu_uuids and all(each.scope == "device" for each in cards):
        for card, uuid in inputs.gpu_uuids.items():
            if uuid not in named:
                labels = ", ".join(f"{each.label} ({each.device})" for each in cards)
                yield from COMPUTE_DEVICE_NOT_METERED.raised(
                    f"The model ran on {card}, the card {uuid}, and the meters read {labels}.",
                    remedy="Set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name GPUs by UUID in CUDA_VISIBLE_DEVICES.",
                )
    elif any(UNLIKE_GPUS in (each.note or "") for each in cards):
        yield from GPU_ORDER_UNCERTAIN.raised(
            "CUDA_VISIBLE_DEVICES has numbers, the GPUs of this machine differ, and the backend does not say on which "
            "of them the model ran: it may be another one than those that were metered."
        )


def check_source_is_the_counter(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A GPU without a usable energy counter, whose energy is integrated from its power readings."""
    for index, curve in enumerate(inputs.account.curves):
        if curve.channel.domain != "gpu" or not isinstance(curve, (SampledCurve, DeconvolvedCurve)):
            continue
        why = "has no energy counter"
        if curve.channel.method == "counter":
            shown = np.isfinite(inputs.account.trace.of(index)["energy_j"]).any()
            why = f"has an energy counter that {'does not move' if shown else 'cannot be read'}"
        yield from SOURCE_CHOSEN.raised(
            f"{curve.channel.label} {why}: its energy is integrated from its power readings."
        )


def check_counter_agrees_with_power(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A counter and power readings that differ under load by more than their uncertainty."""
    for index, curve in enumerate(inputs.account.curves):
        compared = compare_counter_with_power(inputs.account, index, inputs.windows)
        if compared is None or not compared.disagrees or inputs.stale_power[index]:
            continue
        if compared.is_under_load(inputs.energy.by_device[index].idle_power_w):
            yield from COUNTER_POWER_DISAGREE.raised(
                f"Over the windows the power readings of {curve.channel.label} give "
                f"{compared.difference:+.1%} against its energy counter, which was used. This is more than "
                f"{AGREEMENT:.0%} plus the uncertainty between readings "
                f"({compared.half_width_j / compared.counter_j:.1%}).",
                magnitude=abs(compared.difference),
            )


def check_readings_are_of_the_device(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Readings that cover more than the device: a card that is shared, a module with a CPU on it."""
    for channel in inputs.account.channels:
        if channel.scope == "shared_card":
            yield from SHARED_CARD.raised(
                f"{channel.label} is shared (MIG or virtual GPUs), but only the card as a whole is metered: "
                "the figures include the energy of all its users."
            )
        elif channel.scope == "module":
            yield from WHOLE_MODULE.raised(
                f"The readings of {channel.label} are of its whole module, CPU included."
            )


def check_meter_is_the_systems(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A meter that reads something that was put in place of the system's own counters or library."""
    for place, channels in groupby(inputs.account.channels, key=lambda channel: channel.read_from):
        if place is not None:
            labels = ", ".join(channel.label for channel in channels)
            yield from METER_REDIRECTED.raised(
                f"The readings of {labels} come from {place}, which was set in place of the system's own "
                "source: they may not be the hardware's."
            )
