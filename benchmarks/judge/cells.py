"""The cells of the judge's tables: sensors, lengths of windows, peaks and rests; and which of them are not covered."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.judge.sensors import Power, Sensor

LENGTHS_S = (1.0, 3.0, 10.0)
A_QUARTER = Power(every_s=0.1, mean_s=0.025, stated_s=0.025)
HALF_OF_20_MS = Power(every_s=0.02, mean_s=0.01, stated_s=0.01)
WHOLE_100_MS = Power(every_s=0.1, mean_s=0.1, stated_s=0.1)
A_SECOND = Power(every_s=0.1, mean_s=0.1, stated_s=1.0, over_a_second=True)
STALLING = replace(A_SECOND, stalls=True)
STALLED = "power alone: mean over a second that stalls"
COUNTER_ALONE = Sensor(name="counter every 100 ms", counter_s=0.1)
A_QUARTER_ALONE = Sensor(name="power alone: 25 of 100 ms", power=A_QUARTER)
SENSORS = (
    Sensor(name="counter every 20 ms", counter_s=0.02),
    Sensor(name="counter every 50 ms", counter_s=0.05),
    COUNTER_ALONE,
    Sensor(name="counter every 20 ms, power 25 of 100 ms", counter_s=0.02, power=A_QUARTER),
    Sensor(name="counter every 100 ms, power 25 of 100 ms", counter_s=0.1, power=A_QUARTER),
    Sensor(name="counter every 50 ms, power 10 of 20 ms", counter_s=0.05, power=HALF_OF_20_MS),
    Sensor(name="counter every 100 ms, power 100 of 100 ms", counter_s=0.1, power=WHOLE_100_MS),
    Sensor(name="counter every 20 ms, mean over a second", counter_s=0.02, power=A_SECOND),
    Sensor(name="counter every 100 ms, mean over a second", counter_s=0.1, power=A_SECOND),
    Sensor(name="power alone: 10 of 20 ms", power=HALF_OF_20_MS),
    A_QUARTER_ALONE,
    Sensor(name="power alone: 100 of 100 ms", power=WHOLE_100_MS),
    Sensor(name="power alone: mean over a second", power=A_SECOND),
    Sensor(name=STALLED, power=STALLING),
    replace(COUNTER_ALONE, name="counter every 100 ms, without timer", has_timer=False),
    replace(A_QUARTER_ALONE, name="power alone: 25 of 100 ms, without timer", has_timer=False),
)
IN_STEP = (
    (COUNTER_ALONE, "wave near the tick"),
    (A_QUARTER_ALONE, "beating"),
)
"""Sensors, and the loads in step with them."""
PEAKS_S = {"20-40 ms": (0.02, 0.04), "60-120 ms": (0.06, 0.12), "150-300 ms": (0.15, 0.3)}
RESTS_S = {"0.3 s": 0.3, "2.5 s": 2.5, "none": 0.0}
SMEARED = "a short peak at a window's start is smeared into the rest before it, in all windows alike"
NOT_COVERED = {
    STALLED: "some time after a load its readings are up to a second old",
    "power alone: mean over a second, rest 0.3 s": SMEARED,
    "power alone: mean over a second, rest 2.5 s": SMEARED,
    "counter every 50 ms, rest none": "a peak at a window's start shares a tick with what is before it, in all windows",
    "beating": "the sensor sees the same part of each period, whichever it is",
    "wave near the tick": "power that goes up and down within a tick is not in the counter's means",
}
"""What docs/explanation/uncertainty.md names as not covered: sensor, windows or a part of their title, or both."""


def not_covered(sensor: str, windows: str) -> str | None:
    """Return why a cell is not covered; None for one that is."""
    parts = windows.split(", ")
    names = (f"{sensor}, {windows}", sensor, *(f"{sensor}, {part}" for part in parts), *parts)
    return next((NOT_COVERED[name] for name in names if name in NOT_COVERED), None)
