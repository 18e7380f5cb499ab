"""What `llem calibrate` prints: the figures of each sensor, and what it does not tell."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.calibration import CalibrationReport, SensorProfile, WallGain
from llenergymeasure.domain.estimate import Estimate

LABEL_WIDTH = 22
UNKNOWN_GAIN = (
    "What this does not tell: how true the watts are. Both counter and power may be wrong by the same factor, so the "
    "gain term of the uncertainty stays. A wall meter's log fixes it: --wall-meter FILE.csv --psu-efficiency 0.94"
)


def calibration_text(report: CalibrationReport) -> str:
    """Return the text for people."""
    lines = [line for profile in report.profiles for line in _profile(profile)]
    lines += [f"{label}: no profile: {reason}" for label, reason in report.refused.items()]
    if report.refused:
        lines.append("")
    if report.wall_problem is not None:
        lines += [f"No gain: {report.wall_problem}", ""]
    if not any(profile.wall and profile.wall.corrects for profile in report.profiles):
        lines += [UNKNOWN_GAIN, ""]
    return "\n".join([*lines, f"Stored in {report.stored_in}; later runs on this machine use it.", ""])


def _profile(profile: SensorProfile) -> Iterator[str]:
    yield f"{profile.label}, {profile.meter} ({profile.device})"
    yield _row("power", f"{profile.idle_power_w:.1f} W without load, {profile.loaded_power_w:.1f} W under it")
    yield _figure(profile, "counter period", "counter_period_s", 1e3, "ms")
    yield _figure(profile, "power period", "power_period_s", 1e3, "ms")
    yield _figure(profile, "averaging window", "averaging_window_s", 1e3, "ms")
    yield _figure(profile, "power noise", "power_noise_w", 1.0, "W")
    ratio = profile.counter_over_power
    known = _ratio(ratio) if ratio is not None else _unknown(profile, "counter_over_power")
    yield _row("counter over power", known)
    if profile.wall is not None:
        yield from _wall(profile.wall)
    yield ""


def _wall(wall: WallGain) -> Iterator[str]:
    if wall.corrects:
        effect = (
            f"with a power supply of {100 * (wall.psu_efficiency or 1):g} %; energies are multiplied by it"
        )
    else:
        effect = (
            "with the losses of the power supply, so nothing is multiplied; --psu-efficiency takes them out"
        )
    yield _row("gain, true/reported", f"{_ratio(wall.gain)}, {effect}")
    together = "" if len(wall.sensors) == 1 else f"; of {', '.join(wall.sensors)} together"
    yield _row("wall meter", f"its clock was {wall.clock_offset_s:+.1f} s off{together}")
    yield _row("", "whatever else draws more under load (fans, memory, the host) counts as the sensor's")


def _figure(profile: SensorProfile, label: str, field: str, factor: float, unit: str) -> str:
    value: float | None = getattr(profile, field)
    return _row(label, _unknown(profile, field) if value is None else f"{value * factor:.3g} {unit}")


def _unknown(profile: SensorProfile, field: str) -> str:
    return f"unknown: {profile.unknown.get(field, 'not looked for')}"


def _ratio(estimate: Estimate) -> str:
    half = estimate.half_width
    return f"{estimate.value:.4f}" + ("" if half is None else f" ± {half:.4f}")


def _row(label: str, text: str) -> str:
    return f"  {label:<{LABEL_WIDTH}}{text}"
