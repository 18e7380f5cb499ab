"""Application of calibration profiles to the channels of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from llenergymeasure.domain.calibration import SensorProfile
from llenergymeasure.domain.trace import Channel


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
    if channel.update_period_s is None:
        update["update_period_s"] = (
            profile.counter_period_s if channel.method == "counter" else profile.power_period_s
        )
    if profile.averaging_window_s is not None:
        update["averaging_window_s"] = profile.averaging_window_s
    wall = profile.wall
    relative = wall.gain.relative_half_width if wall and wall.corrects else None
    if wall is not None and relative is not None:
        update.update(gain=wall.gain.value, relative_error=relative)
    notes = [channel.note, _note(profile, corrected=relative is not None)]
    update["note"] = "; ".join(note for note in notes if note)
    return channel.model_copy(update=update)


def _note(profile: SensorProfile, corrected: bool) -> str:
    made = datetime.fromtimestamp(profile.made_unix_ns / 1e9, tz=timezone.utc).strftime("%Y-%m-%d")
    if corrected and profile.wall is not None:
        return f"calibrated {made} against a wall meter: multiplied by {profile.wall.gain.value:.4f}"
    return f"calibrated {made}, its gain still unknown"
