"""What `llem calibrate` prints of a sensor: figures with their intervals, and why others are missing."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.domain.calibration import CalibrationReport, SensorProfile, WallGain
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.calibration import calibration_document


def _text(**fields: Any) -> str:
    profile = SensorProfile(
        **{
            "meter": "nvml",
            "domain": "gpu",
            "device": "GPU-1",
            "label": "GPU 0",
            "made_unix_ns": 1,
            "tool_version": "2.0.0",
            "idle_power_w": 125.0,
            "loaded_power_w": 415.0,
            "load": "matrix products",
            "steps": (),
            **fields,
        }
    )
    report = CalibrationReport(profiles=(profile,), refused={}, stored_in="profiles.json")
    return " ".join(plain_text(calibration_document(report)).split())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"averaging_window_s": 1.083, "averaging_half_width_s": 0.0042, "response_delay_s": 0.012},
            "averaging window 1,083 ms ± 4.2 ms, 12 ms behind the load",
        ),
        (
            {"averaging_window_s": 0.025, "averaging_half_width_s": 0.001, "response_delay_s": -0.0002},
            "averaging window 25 ms ± 1 ms at most: the rise of the power itself is in it",
        ),
        (
            {"averaging_window_s": 1.0, "averaging_half_width_s": 0.001, "response_delay_s": -0.0002},
            "averaging window 1,000 ms ± 1 ms stall",
        ),
        (
            {"publishing_stall_s": 1.004, "stall_begins_s": 1.98},
            "stall a reading stays for up to 1,004 ms, from 2.0 s after a load on",
        ),
        (
            {"publishing_stall_s": 0.127},
            "stall none: without load a reading stayed for 127 ms at the longest",
        ),
        (
            {"unknown": {"publishing_stall_s": "it was without load for only 1.3 s on end"}},
            "stall unknown: it was without load for only 1.3 s on end",
        ),
    ],
)
def test_figure_of_a_sensor_is_told(fields: dict[str, Any], said: str) -> None:
    assert said in _text(**fields)


def _wall(*sensors: str, deviation_w: float | None = 0.82) -> WallGain:
    return WallGain(
        gain=Estimate(value=1.04, low=1.03, high=1.05, unit="1", method="derived"),
        psu_efficiency=0.94,
        meter_error=0.01,
        clock_offset_s=0.0,
        sensors=sensors,
        deviation_w=deviation_w,
        deviation_over_s=8.13,
    )


def test_deviation_is_told_with_the_time_that_it_is_over() -> None:
    seen = _text(wall=_wall("GPU 0"))
    assert "off a straight line 0.82 W over 8.1 s (standard deviation)" in seen
    assert seen.count("off a straight line") == 1
    unseen = _text(wall=_wall("GPU 0", deviation_w=None))
    assert "off a straight line unknown: over 8.1 s it is not above the scatter of the wall meter" in unseen


def test_gain_of_a_sum_is_told_to_leave_the_error_of_each() -> None:
    assert "GPU 0, GPU 1 together, so the error of each stays" in _text(wall=_wall("GPU 0", "GPU 1"))
    assert "together" not in _text(wall=_wall("GPU 0"))
