"""Application of calibration profiles to the channels of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from llenergymeasure.domain.calibration import UPPER_BOUND_S, SensorProfile, WallGain
from llenergymeasure.domain.trace import Channel
from llenergymeasure.metrics.energy.interval_uncertainty import LINEARITY_S

FEW_STEPS = 1.2
"""Student's factor of ten steps less three parameters over that of the normal distribution: 2.36 over 1.96."""
SAME = 0.1
"""Relative: averaging times this near to each other are taken for the same."""
PART_TIME = 0.75
"""A window below this share of the update period leaves time unseen, whatever else it is."""


def apply_profiles(
    channels: Sequence[Channel], profiles: Sequence[SensorProfile], machine: str
) -> tuple[Channel, ...]:
    """Return the channels with gain, its uncertainty, period and averaging from their profiles, and a note of it.

    Where no wall meter fixed the gain, the sensor's stated error stays.
    """
    return tuple(_calibrated(channel, profiles, machine) for channel in channels)


def _calibrated(channel: Channel, profiles: Sequence[SensorProfile], machine: str) -> Channel:
    profile = next((each for each in profiles if each.is_of(channel, machine)), None)
    if profile is None:
        return channel
    update: dict[str, Any] = {}
    if channel.method == "counter" and channel.update_period_s is None:
        update["update_period_s"] = profile.counter_period_s
    if _same_reading(channel.averaging_window_s, profile.stated_averaging_s):
        update["averaging_window_s"] = _averaging_s(channel.averaging_window_s, profile)
        if channel.method == "sampled" and channel.update_period_s is None:
            update["update_period_s"] = profile.power_period_s
    gain = _gain(channel, profile.wall)
    update.update(gain)
    update.update(_linearity(profile.wall))
    notes = [channel.note, _note(profile, corrected=bool(gain))]
    update["note"] = "; ".join(note for note in notes if note)
    return channel.model_copy(update=update)


def _same_reading(stated_s: float | None, stated_then_s: float | None) -> bool:
    """Whether the power of a channel may be read as it was then: another driver may offer another reading."""
    if stated_s is None or stated_then_s is None:
        return True
    return abs(stated_s - stated_then_s) <= SAME * stated_then_s


def _averaging_s(stated_s: float | None, profile: SensorProfile) -> float | None:
    """Return what a reading averages over, by the meter and by the calibration.

    A long window is known from the calibration. A short one that it found is an upper bound, so the meter's word stands
    unless it is longer. Where that is wrong too, readings are taken for means over the whole time between two of them,
    or over less if the window is shorter than that.
    """
    found_s, period_s = profile.averaging_window_s, profile.power_period_s
    if found_s is None:
        return stated_s
    if found_s > UPPER_BOUND_S:
        return found_s
    margin_s = max(profile.averaging_half_width_s or 0.0, SAME * found_s)
    if stated_s is not None and stated_s <= found_s + margin_s:
        return stated_s
    if period_s is None:
        return None if stated_s is None else found_s
    if found_s < PART_TIME * period_s:
        return found_s
    return None if stated_s is None else period_s


def _gain(channel: Channel, wall: WallGain | None) -> dict[str, float]:
    """Return the gain that energies are multiplied by and its errors; nothing where there is none.

    What the wall meter and the power supply are off by is the same for all sensors that were compared with them. Of
    several sensors only the sum was compared: how far each is off from the others is as unknown as before.
    """
    relative = wall.gain.relative_half_width if wall is not None and wall.corrects else None
    if wall is None or relative is None:
        return {}
    if len(wall.sensors) > 1:
        error, common = math.hypot(relative, channel.relative_error), relative
    else:
        error, common = relative, wall.reference_error
    in_common = min(common / error, 1.0) if error > 0 else 0.0
    return {"gain": wall.gain.value, "relative_error": error, "error_in_common": in_common}


def _linearity(wall: WallGain | None) -> dict[str, float]:
    """Return the scatter of the sensor about a straight line over a second, where the wall meter showed it.

    That over longer times is taken for the mean of deviations that forget themselves within a second, and that of a sum
    for independent ones. Two powers show no bend of the line: what is stated of it stays.
    """
    if wall is None or wall.deviation_w is None or wall.deviation_over_s is None:
        return {}
    second_w = FEW_STEPS * wall.deviation_w * math.sqrt(max(wall.deviation_over_s / LINEARITY_S, 1.0))
    return {"linearity_w": second_w / math.sqrt(len(wall.sensors))}


def _note(profile: SensorProfile, corrected: bool) -> str:
    made = datetime.fromtimestamp(profile.made_unix_ns / 1e9, tz=timezone.utc).strftime("%Y-%m-%d")
    if corrected and profile.wall is not None:
        return f"calibrated {made} against a wall meter: multiplied by {profile.wall.gain.value:.4f}"
    return f"calibrated {made}, its gain still unknown"
