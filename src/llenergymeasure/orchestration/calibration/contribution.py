"""The file that `llem calibrate --contribute` writes: profiles without a name that leads to a person or a machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from llenergymeasure import plugins
from llenergymeasure.core.record import Record
from llenergymeasure.domain.calibration import SensorHardware, SensorProfile, WallGain
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.trace import Domain
from llenergymeasure.exceptions import ConfigError, ExperimentError

NVIDIA = "GPU-"
"""How the UUIDs of cards begin. They are random, so that nobody finds one from its hash; a name could be guessed."""
HASH_DIGITS = 16
DIGITS = 6
"""Of each figure; more would tell one calibration from another, not one sensor."""


class Ratio(Record):
    """A ratio with its 95 % interval."""

    value: float
    low: float | None
    high: float | None


class ContributedGain(Record):
    """What a wall meter showed: true over reported power, of the sum of so many sensors."""

    true_over_reported: Ratio
    contains_psu_losses: bool
    sensors: int
    deviation_w: float | None
    """Standard deviation from the straight line, as `WallGain.deviation_w`."""
    deviation_over_s: float | None


class ContributedSensor(Record):
    """A sensor as `SensorProfile` has it, without labels, places and times. Times are in s, powers in W."""

    device: str | None
    """`sha256:` and the first digits of the hash of a GPU's UUID; None for sensors without one."""
    meter: str
    domain: Domain
    hardware: SensorHardware | None
    tool_version: str
    idle_power_w: float
    loaded_power_w: float
    counter_period_s: float | None
    power_period_s: float | None
    stated_averaging_s: float | None
    averaging_window_s: float | None
    averaging_half_width_s: float | None
    response_delay_s: float | None
    publishing_stall_s: float | None
    stall_begins_s: float | None
    power_noise_w: float | None
    counter_over_power: Ratio | None
    gain: ContributedGain | None
    not_found: tuple[str, ...]
    """Figures that the calibration could not find."""


class Contribution(Record):
    """The whole file; `format_version` changes when a field gets another name or meaning."""

    format: Literal["llenergymeasure sensor profiles"] = "llenergymeasure sensor profiles"
    format_version: Literal[1] = 1
    sensors: tuple[ContributedSensor, ...]


def check_contribution_file(path: Path) -> None:
    """Refuse a file that could not be written, before minutes are spent on the load.

    Raises:
        ConfigError: it is there already, or its folder is not.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        if path.parent.is_dir():
            return
        raise ConfigError(f"--contribute: there is no folder {path.parent}") from None
    except OSError as error:
        raise ConfigError(f"--contribute: {path} cannot be written: {error.strerror or error}") from None
    raise ConfigError(f"--contribute: {path} already exists: name another file, or remove it")


def write_contribution(path: Path, profiles: Sequence[SensorProfile]) -> None:
    """Write what the profiles say of their sensors to a new file.

    Raises:
        ExperimentError: it cannot be written, or is there already; nothing is left of it.
    """
    text = contribution_of(profiles).model_dump_json(indent=2) + "\n"
    try:
        with path.open("x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
            except BaseException:
                with suppress(OSError):
                    path.unlink()
                raise
    except OSError as error:
        raise ExperimentError(
            f"--contribute: {path} cannot be written: {error.strerror or error}. The calibration is stored: "
            "llem calibrate --last --contribute FILE"
        ) from None


def contribution_of(profiles: Sequence[SensorProfile]) -> Contribution:
    """Return what may leave the machine: field by field, so that nothing new leaves it unnoticed."""
    return Contribution(sensors=tuple(_sensor(profile) for profile in profiles))


def _sensor(profile: SensorProfile) -> ContributedSensor:
    ratio = profile.counter_over_power
    return ContributedSensor(
        device=_hashed(profile.device) if profile.device.startswith(NVIDIA) else None,
        meter=profile.meter if profile.meter in plugins.BUILTIN["meters"] else "another",
        domain=profile.domain,
        hardware=profile.hardware,
        tool_version=profile.tool_version,
        idle_power_w=_rounded(profile.idle_power_w),
        loaded_power_w=_rounded(profile.loaded_power_w),
        counter_period_s=_known(profile.counter_period_s),
        power_period_s=_known(profile.power_period_s),
        stated_averaging_s=_known(profile.stated_averaging_s),
        averaging_window_s=_known(profile.averaging_window_s),
        averaging_half_width_s=_known(profile.averaging_half_width_s),
        response_delay_s=_known(profile.response_delay_s),
        publishing_stall_s=_known(profile.publishing_stall_s),
        stall_begins_s=_known(profile.stall_begins_s),
        power_noise_w=_known(profile.power_noise_w),
        counter_over_power=None if ratio is None else _ratio(ratio),
        gain=None if profile.wall is None else _gain(profile.wall),
        not_found=tuple(sorted(profile.unknown)),
    )


def _hashed(uuid: str) -> str:
    return f"sha256:{hashlib.sha256(uuid.encode()).hexdigest()[:HASH_DIGITS]}"


def _gain(wall: WallGain) -> ContributedGain:
    return ContributedGain(
        true_over_reported=_ratio(wall.gain),
        contains_psu_losses=not wall.corrects,
        sensors=len(wall.sensors),
        deviation_w=_known(wall.deviation_w),
        deviation_over_s=_known(wall.deviation_over_s),
    )


def _ratio(estimate: Estimate) -> Ratio:
    return Ratio(value=_rounded(estimate.value), low=_known(estimate.low), high=_known(estimate.high))


def _known(value: float | None) -> float | None:
    return None if value is None else _rounded(value)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
