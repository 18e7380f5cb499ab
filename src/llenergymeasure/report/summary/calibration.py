"""The outcome of `llem calibrate`: the figures of each sensor, and what they do not state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llenergymeasure.domain.calibration import (
    UPPER_BOUND_S,
    CalibrationReport,
    SensorProfile,
    WallGain,
)
from llenergymeasure.domain.estimate import Estimate, digits
from llenergymeasure.report.summary.document import Block, Document, Note, Notes, Paragraph, Row, Rows

UNKNOWN_GAIN = (
    "The accuracy of the watts is not calibrated. Counter and power may both be wrong by the same factor, so the gain "
    "term of the uncertainty stays. A wall meter's log gives the gain: --wall-meter FILE.csv --psu-efficiency 0.94"
)

LEAST_DELAY_S = 0.001


def calibration_document(report: CalibrationReport) -> Document:
    """Return the profile of each sensor, the sensors without one, and where profiles are stored."""
    blocks: list[Block] = [_profile(profile) for profile in report.profiles]
    refused = tuple(
        Note(lead="✗", tone="bad", text=f"{label}: no profile: {reason}")
        for label, reason in report.refused.items()
    )
    if refused:
        blocks.append(Notes(notes=refused))
    if report.wall_problem is not None:
        blocks.append(Paragraph(text=f"No gain: {report.wall_problem}", tone="unknown"))
    if not any(profile.wall and profile.wall.corrects for profile in report.profiles):
        blocks.append(Paragraph(text=UNKNOWN_GAIN))
    stored = Paragraph(text=f"Stored in {report.stored_in}; later runs on this machine use it.", copied=True)
    return Document(blocks=(*blocks, stored))


def _profile(profile: SensorProfile) -> Rows:
    heading = f"{profile.label}, {profile.meter} ({profile.device})"
    return Rows(heading=heading, rows=tuple(_rows(profile)))


def _rows(profile: SensorProfile) -> Iterator[Row]:
    power = f"{profile.idle_power_w:.1f} W without load, {profile.loaded_power_w:.1f} W under load"
    yield Row(label="power", value=power)
    yield _figure(profile, "counter period", "counter_period_s", _ms)
    yield _figure(profile, "power period", "power_period_s", _ms)
    yield _figure(
        profile, "averaging window", "averaging_window_s", lambda value_s: _averaging(profile, value_s)
    )
    yield _figure(profile, "stall", "publishing_stall_s", lambda value_s: _stall(profile, value_s))
    yield _figure(profile, "power noise", "power_noise_w", lambda value_w: f"{digits(value_w, 3)} W")
    ratio = profile.counter_over_power
    if ratio is None:
        yield _unknown(profile, "counter over power", "counter_over_power")
    else:
        yield Row(label="counter over power", value=_ratio(ratio))
    if profile.wall is not None:
        yield from _wall(profile.wall)


def _wall(wall: WallGain) -> Iterator[Row]:
    if wall.corrects:
        effect = (
            f"with a power supply of {100 * (wall.psu_efficiency or 1):g} %; energies are multiplied by it"
        )
    else:
        effect = (
            "with the losses of the power supply, so nothing is multiplied; --psu-efficiency removes them"
        )
    yield Row(label="gain, true/reported", value=f"{_ratio(wall.gain)}, {effect}")
    together = (
        "" if len(wall.sensors) == 1 else f"; {', '.join(wall.sensors)} together, so the error of each stays"
    )
    yield Row(label="off a straight line", value=_deviation(wall))
    yield Row(label="wall meter", value=f"its clock was {wall.clock_offset_s:+.1f} s off{together}")
    others = "other power that rises with the load (fans, memory, the host) counts as the sensor's"
    yield Row(label="", value=others, tone="detail")


def _deviation(wall: WallGain) -> str:
    if wall.deviation_over_s is None:
        return "unknown: the calibration is of an earlier version"
    over = f"over {wall.deviation_over_s:.1f} s"
    if wall.deviation_w is None:
        return f"unknown: {over} it is not above the scatter of the wall meter"
    return f"{digits(wall.deviation_w)} W {over} (standard deviation)"


def _figure(profile: SensorProfile, label: str, field: str, text_of: Callable[[float], str]) -> Row:
    value: float | None = getattr(profile, field)
    return _unknown(profile, label, field) if value is None else Row(label=label, value=text_of(value))


def _averaging(profile: SensorProfile, window_s: float) -> str:
    half_s, delay_s = profile.averaging_half_width_s, profile.response_delay_s
    interval = "" if half_s is None else f" ± {digits(1e3 * half_s)} ms"
    if window_s < UPPER_BOUND_S:
        return f"{_ms(window_s)}{interval} at most: the rise of the power itself is in it"
    behind = delay_s is not None and delay_s >= LEAST_DELAY_S
    return f"{_ms(window_s)}{interval}" + (
        f", {1e3 * (delay_s or 0.0):.0f} ms behind the load" if behind else ""
    )


def _stall(profile: SensorProfile, hold_s: float) -> str:
    if profile.stall_begins_s is None:
        return f"none: without load a reading stayed for {_ms(hold_s)} at the longest"
    return f"a reading stays for up to {_ms(hold_s)}, from {profile.stall_begins_s:.1f} s after a load on"


def _ms(value_s: float) -> str:
    return f"{1e3 * value_s:,.0f} ms" if value_s >= 0.1 else f"{1e3 * value_s:.3g} ms"


def _unknown(profile: SensorProfile, label: str, field: str) -> Row:
    reason = profile.unknown.get(field, "not measured")
    return Row(label=label, value=f"unknown: {reason}", tone="unknown")


def _ratio(estimate: Estimate) -> str:
    half = estimate.half_width
    return f"{estimate.value:.4f}" + ("" if half is None else f" ± {half:.4f}")
