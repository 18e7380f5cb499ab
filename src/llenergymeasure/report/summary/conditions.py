"""The temperature, clock and throttling of a device, as rows."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.breakdowns.conditions import DeviceConditions, Span
from llenergymeasure.report.summary.document import Row


def conditions_rows(device: DeviceConditions) -> Iterator[Row]:
    """Yield temperature, clock and throttling of one device, each where it was read."""
    if device.temperature_c is not None:
        yield _row(device, "temperature", _span(device.temperature_c, "°C"))
    if device.sm_clock_mhz is not None:
        yield _row(device, "clock", _span(device.sm_clock_mhz, "MHz"))
    if device.throttle_fractions:
        shares = ", ".join(f"{reason} {share:.0%}" for reason, share in device.throttle_fractions.items())
        yield _row(device, "throttled", f"{shares} of the readings")


def _row(device: DeviceConditions, what: str, value: str) -> Row:
    return Row(label=f"{device.label}, {what}", value=value, tone="detail")


def _span(span: Span, unit: str) -> str:
    low, high = f"{span.low:.0f}", f"{span.high:.0f}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
