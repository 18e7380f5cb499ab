"""A calibration, start to end: a known load, what the sensors made of it, the profiles of them stored."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.constants import VERSION
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.core.processes.stop_signals import stop_is_asked
from llenergymeasure.domain.calibration import CalibrationReport, LoadStep, SensorProfile
from llenergymeasure.domain.trace import Channel, EnergyTrace
from llenergymeasure.exceptions import ConfigError, MeterError
from llenergymeasure.harness.metering import metering
from llenergymeasure.metrics.calibration.sensor_profile import (
    Calibration,
    CalibrationOrigin,
    calibrate_sensors,
)
from llenergymeasure.metrics.calibration.wall_meter_gain import NoGainError, WallMeter, wall_gain
from llenergymeasure.orchestration.calibration.cpu_load import CpuLoad
from llenergymeasure.orchestration.calibration.cuda_load import CudaLoad
from llenergymeasure.orchestration.calibration.known_load import Load, PlannedStep, apply_load, plan_steps
from llenergymeasure.orchestration.calibration.sensor_hardware import with_hardware
from llenergymeasure.orchestration.calibration.wall_log import read_wall_log
from llenergymeasure.results.profile_store import keep_profiles, load_profiles, machine_key, profiles_file

OnProgress = Callable[[float, str], None]
"""Is called with the seconds that are left and what is being done."""
MakeLoad = Callable[[Sequence[Channel]], Load]


@dataclass(frozen=True, kw_only=True)
class WallFile:
    """A wall meter's log and what its user says of it."""

    path: Path
    meter: WallMeter


def load_for(channels: Sequence[Channel]) -> Load:
    """Return the load that the sensors can see: of GPUs where one is metered, else of processors.

    Raises:
        BackendError: a GPU is metered, and torch cannot use one.
    """
    return CudaLoad() if any(channel.domain == "gpu" for channel in channels) else CpuLoad()


def calibrate(
    energy: EnergyConfig,
    duration_s: float,
    wall: WallFile | None = None,
    *,
    on_progress: OnProgress,
    make_load: MakeLoad = load_for,
) -> CalibrationReport:
    """Put a known load on this machine, and store what its sensors made of it; stopped early, nothing is stored.

    In loads shorter than `known_load.SHORTEST_S` no sensor settles. The wall meter's log is read when the load has
    ended.

    Raises:
        ConfigError: no such meter.
        MeterError: a meter cannot be read, there is none but models, or no sensor responded to the load.
    """
    clock = AnchoredClock()
    made_unix_ns = clock.now_ns()
    trace, steps, load = _measure(energy, plan_steps(duration_s), clock, on_progress, make_load)
    stamp = CalibrationOrigin(made_unix_ns=made_unix_ns, tool_version=VERSION, load=load.description)
    calibration = calibrate_sensors(trace, steps, stamp)
    if not calibration.profiles:
        raise MeterError(_no_response(calibration))
    machine = machine_key()
    profiles = with_hardware([_named(profile, machine) for profile in calibration.profiles])
    return _conclude(profiles, dict(calibration.refused), wall)


def calibrate_again(wall: WallFile) -> CalibrationReport:
    """Compare the latest stored calibration with a wall meter's log that was saved afterwards.

    Raises:
        ConfigError: there is no calibration yet, or the log cannot be read or used; what was stored stays.
    """
    profiles = last_calibration().profiles
    try:
        profiles = _with_gain(profiles, wall)
    except NoGainError as error:
        raise ConfigError(f"{wall.path}: {error}") from None
    return _stored(profiles, {})


def last_calibration() -> CalibrationReport:
    """Return the profiles of the latest calibration of this machine, as they are stored.

    Raises:
        ConfigError: there is none yet.
    """
    machine = machine_key()
    stored = [profile for profile in load_profiles() if profile.machine in (None, machine)]
    if not stored:
        raise ConfigError("--last: no calibration is stored yet; run llem calibrate first")
    latest_ns = max(profile.made_unix_ns for profile in stored)
    profiles = tuple(profile for profile in stored if profile.made_unix_ns == latest_ns)
    return CalibrationReport(profiles=profiles, refused={}, stored_in=str(profiles_file()))


def _measure(
    energy: EnergyConfig,
    plan: Sequence[PlannedStep],
    clock: AnchoredClock,
    on_progress: OnProgress,
    make_load: MakeLoad,
) -> tuple[EnergyTrace, tuple[LoadStep, ...], Load]:
    if energy.meters == "none":
        raise ConfigError("--meters none leaves nothing to calibrate")
    left_s = [sum(step.duration_s for step in plan[number:]) for number in range(len(plan))]

    def report_step(number: int, step: PlannedStep) -> None:
        if stop_is_asked():  # others may swallow an interrupt
            raise KeyboardInterrupt
        on_progress(left_s[number], _step_text(step))

    with tempfile.TemporaryDirectory(prefix="llem-") as spool:
        with metering(energy, clock, Path(spool), profiles=()) as meters:
            _check_a_sensor(meters.channels)
            on_progress(left_s[0], "preparing the load")
            load = make_load(meters.channels)
            steps = apply_load(load, plan, clock, report_step)
            clock.sleep(1.0)  # a slow counter ticks once more, so that the energy of the last step is known
        return meters.trace(), steps, load


def _check_a_sensor(channels: Sequence[Channel]) -> None:
    """Refuse channels that all come from a model: it responds to no load."""
    if channels and all(channel.method == "estimated" for channel in channels):
        labels = ", ".join(channel.label for channel in channels)
        raise MeterError(
            f"no sensor to calibrate: the only power here comes from a model ({labels}), which a calibration cannot "
            "improve. Nothing was stored → llem doctor  # says why each meter cannot be read, and what helps"
        )


def _step_text(step: PlannedStep) -> str:
    pace = "steady" if step.steady else "switching"
    return f"{pace}, {'full load' if step.loaded else 'no load'}"


def _named(profile: SensorProfile, machine: str) -> SensorProfile:
    """Say which machine the sensor belongs to, unless its device's name is unique in the world."""
    return profile if profile.domain == "gpu" else profile.model_copy(update={"machine": machine})


def _no_response(calibration: Calibration) -> str:
    reasons = "; ".join(f"{label}: {reason}" for label, reason in calibration.refused.items())
    return (
        f"no sensor responded to the load: {reasons}. Nothing was stored. Is the load on another device than the "
        "meter, or is something else keeping it busy?"
    )


def _conclude(
    profiles: tuple[SensorProfile, ...], refused: dict[str, str], wall: WallFile | None
) -> CalibrationReport:
    """Store the profiles, with their gain where the wall meter gives it; a bad log does not lose the calibration."""
    if wall is None:
        return _stored(profiles, refused)
    try:
        return _stored(_with_gain(profiles, wall), refused)
    except NoGainError as error:
        return _stored(profiles, refused, f"{wall.path}: {error}")
    except ConfigError as error:
        return _stored(profiles, refused, str(error))


def _stored(
    profiles: tuple[SensorProfile, ...], refused: dict[str, str], wall_problem: str | None = None
) -> CalibrationReport:
    path = keep_profiles(profiles)
    return CalibrationReport(
        profiles=profiles, refused=refused, wall_problem=wall_problem, stored_in=str(path)
    )


def _with_gain(profiles: Sequence[SensorProfile], wall: WallFile) -> tuple[SensorProfile, ...]:
    import numpy as np

    log = read_wall_log(wall.path)
    labels = [profile.label for profile in profiles if profile.included_in_total]
    gain = wall_gain(profiles[0].steps, np.array(log.t_unix_s), np.array(log.power_w), wall.meter, labels)
    return tuple(
        profile.model_copy(update={"wall": gain}) if profile.included_in_total else profile
        for profile in profiles
    )
