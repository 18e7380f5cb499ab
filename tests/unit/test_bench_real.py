"""`make bench-real` against logs whose truth is known: it must find no error where there is none, and see one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.real import judge, read_logs

from tests.support.synthetic import counter_j, sample_times, square

POWER = square(phase_s=0.037, low=80.0, high=400.0, period_s=1.73)
GAIN, OFFSET_W, LATE_S = 0.95, -3.0, 0.012


def write_log_beside_a_meter(folder: Path) -> None:
    """Write a sensor that shows the mean of each 100 ms, too low and late, beside an exact meter."""
    meter_s = np.arange(0.0, 16.0, 0.01)
    t_s = sample_times(15.5, period_s=0.01)
    ends_s = np.floor(t_s / 0.1) * 0.1
    mean_w = (POWER.energy_j(ends_s) - POWER.energy_j(ends_s - 0.1)) / 0.1
    readings = np.column_stack([t_s + LATE_S, GAIN * mean_w + OFFSET_W])
    metered = np.column_stack([meter_s, POWER.energy_j(meter_s)])
    np.savetxt(
        folder / "card_smi.csv", readings, "%.4f", ",", header="t_s,power.draw.instant@0.1", comments=""
    )
    np.savetxt(folder / "card_pmd_10ms.csv", metered, "%.5f", ",", header="t_s,pmd_energy_j", comments="")


def test_gain_offset_and_clock_of_a_sensor_are_taken_out(tmp_path: Path) -> None:
    write_log_beside_a_meter(tmp_path)
    (log,) = read_logs(tmp_path)
    assert log.name == "card power.draw.instant"
    assert log.averaging_s == 0.1
    row = judge(log, "3 s")
    assert abs(row.bias) < 0.005  # the gain alone is 5 %
    assert row.mean_error < row.trapezoid_mean_error
    start_s, end_s, metered_j = log.uncorrected["3 s"].T
    # the samples show a reading some milliseconds late
    assert metered_j == pytest.approx(
        POWER.energy_j(end_s - LATE_S) - POWER.energy_j(start_s - LATE_S), rel=5e-3
    )


def test_windows_of_known_energy_are_compared_as_given(tmp_path: Path) -> None:
    t_s = sample_times(12.0)
    counted = np.column_stack([t_s, np.full(len(t_s), np.nan), counter_j(POWER, t_s, 0.1)])
    np.savetxt(tmp_path / "run_7_gpu0.csv", counted, "%.6f", ",", header="t_s,power_w,energy_j", comments="")
    edges = [(2.1, 5.3), (6.0, 9.7)]
    windows = [(start, end, 1.1 * POWER.between(start, end)) for start, end in edges]
    np.savetxt(tmp_path / "run_7_windows.csv", windows, "%.6f", ",", header="a,b,c", comments="")
    (log,) = read_logs(tmp_path)
    row = judge(log, "given")
    assert row.count == 2
    assert row.bias == pytest.approx(1 / 1.1 - 1, abs=0.005)  # the truth in the file is 10 % too high
    assert row.held_random == 0.0
