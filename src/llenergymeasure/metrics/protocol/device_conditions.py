"""Under which conditions a device worked: temperature, clocks, utilisation, throttling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.core.nvidia.throttle import HARMFUL, REASONS, reason_names
from llenergymeasure.domain.breakdowns.conditions import DeviceConditions, Span
from llenergymeasure.domain.sample import UNKNOWN_REASONS
from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase, complete_windows
from llenergymeasure.metrics.performance.roofline.activity import activity_within
from llenergymeasure.metrics.signals.gaps import within


def device_conditions(trace: EnergyTrace, phases: Sequence[Phase]) -> tuple[DeviceConditions, ...]:
    """Return the conditions of every channel that says anything about them, over the complete windows."""
    windows = complete_windows(phases)
    if not windows:
        return ()
    found = (_conditions(trace.of(number), channel, windows) for number, channel in enumerate(trace.channels))
    return tuple(each for each in found if each is not None)


def _conditions(samples: NDArray[Any], channel: Channel, windows: Sequence[Phase]) -> DeviceConditions | None:
    during = within(samples, windows)
    before = samples[samples["t_unix_ns"] < windows[0].start_unix_ns]
    after = samples[samples["t_unix_ns"] >= windows[-1].end_unix_ns]
    conditions = DeviceConditions(
        device=channel.device,
        label=channel.label,
        temperature_before_c=_last(before["temperature_c"]),
        temperature_c=_span(during["temperature_c"]),
        temperature_after_c=_last(after["temperature_c"]),
        sm_clock_mhz=_span(during["sm_clock_mhz"]),
        memory_clock_mhz=_span(during["memory_clock_mhz"]),
        utilisation_pct=_span(during["utilisation_pct"]),
        **_activity(samples, windows),
        activity_unknown=channel.activity_unknown,
        throttle_fractions=_fractions(during["throttle_reasons"]),
    )
    known = conditions.model_dump(exclude={"device", "label", "activity_unknown", "throttle_fractions"})
    return conditions if any(known.values()) or conditions.throttle_fractions else None


def _activity(samples: NDArray[Any], windows: Sequence[Phase]) -> dict[str, Span | None]:
    """Return the spans of a GPU's activity; their means weigh each reading by the time it covers."""
    edges = np.array([(window.start_unix_ns, window.end_unix_ns) for window in windows], dtype=np.int64)
    readings = activity_within(samples, edges[:, 0], edges[:, 1])
    spans: dict[str, Span | None] = {}
    for name, percent in readings.percent.items():
        mean, known = readings.mean_pct(name), _known(percent)
        spans[name] = (
            None if mean is None else Span(low=float(known.min()), mean=mean, high=float(known.max()))
        )
    return spans


def harmful_fraction(conditions: DeviceConditions) -> float:
    """Return the largest fraction of the windows in which one harmful reason held."""
    harmful = reason_names(HARMFUL)
    return max((conditions.throttle_fractions.get(name, 0.0) for name in harmful), default=0.0)


def _span(values: NDArray[Any]) -> Span | None:
    known = _known(values)
    if not len(known):
        return None
    return Span(low=float(known.min()), mean=float(known.mean(dtype=float)), high=float(known.max()))


def _last(values: NDArray[Any]) -> float | None:
    known = _known(values)
    return float(known[-1]) if len(known) else None


def _known(values: NDArray[Any]) -> NDArray[Any]:
    known: NDArray[Any] = values[~np.isnan(values)]
    return known


def _fractions(masks: NDArray[Any]) -> dict[str, float]:
    known = masks[masks != UNKNOWN_REASONS]
    if not len(known):
        return {}
    fractions = {name: float(((known & bit) != 0).mean()) for bit, name in REASONS.items()}
    return {name: fraction for name, fraction in fractions.items() if fraction > 0}
