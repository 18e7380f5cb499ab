"""The estimate: a power model that is stated wherever it shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from llenergymeasure import plugins
from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.domain.sample import SOURCE_STILL
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.cpu_time import Pace, cpu_times
from llenergymeasure.meters.estimate.meter import EstimateMeter, describe, power_model
from llenergymeasure.meters.estimate.options import EstimateOptions
from llenergymeasure.meters.probing import probe_meter
from llenergymeasure.testing import VirtualClock


def options(**fields: float) -> MeterOptions:
    return MeterOptions(energy=EnergyConfig.model_validate({"estimate": fields}))


@pytest.fixture
def stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc/stat of one's own."""
    path = tmp_path / "stat"
    path.write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    return path


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def opened(stat: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EstimateMeter]:
    """A function that returns an open meter of 20 W to 100 W."""
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 2)  # it looks for them in /proc, too

    def open_meter() -> EstimateMeter:
        meter = EstimateMeter(clock)
        meter.open(options(cpu_max_power_w=100, cpu_idle_power_w=20))
        return meter

    return open_meter


Open = Callable[..., EstimateMeter]


def test_it_says_that_it_measures_nothing() -> None:
    (channel,) = EstimateMeter().open(options(cpu_max_power_w=100, cpu_idle_power_w=10))
    assert plugins.declaration("meters", "estimate").capabilities == {"estimates"}
    assert channel.method == "estimated"
    assert channel.relative_error == 0.5
    assert channel.note is not None
    assert channel.note.startswith("100 W at full load, 10 W idle, x CPU utilisation")


def test_default_model_is_eight_watts_a_core_and_a_tenth_of_that_idle() -> None:
    assert power_model(EstimateOptions(), cores=2) == (1.6, 16.0)
    assert describe(EstimateOptions(), cores=2).startswith("8 W x 2 cores at full load, 1.6 W idle")


def test_idle_power_above_the_maximum_is_refused() -> None:
    with pytest.raises(MeterError, match="idle power 20 W is above the maximum 10 W"):
        EstimateMeter().open(options(cpu_max_power_w=10, cpu_idle_power_w=20))


def test_a_busy_quarter_takes_a_quarter_of_the_way_to_the_maximum(opened: Open, stat: Path) -> None:
    meter = opened()
    stat.write_text("cpu  20 0 5 70 5 0 0 0 0 0\n")
    (sample,) = meter.read(0)
    assert sample.power_w == pytest.approx(40.0)
    assert sample.utilisation_pct == pytest.approx(25.0)


def test_energy_adds_up_from_one_reading_to_the_next(opened: Open, stat: Path, clock: VirtualClock) -> None:
    meter = opened()
    stat.write_text("cpu  10 0 0 0 0 0 0 0 0 0\n")
    (first,) = meter.read(0)
    stat.write_text("cpu  100 0 0 0 0 0 0 0 0 0\n")
    clock.sleep(0.02)
    (second,) = meter.read(0)
    assert second.t_unix_ns - first.t_unix_ns == 20_000_000
    assert second.energy_j - first.energy_j == pytest.approx(100 * 0.02)


def test_a_source_that_never_moves_says_nothing(opened: Open, clock: VirtualClock) -> None:
    meter = opened()
    assert [sample.error for _ in range(3) for sample in meter.read(0)] == [SOURCE_STILL] * 3
    (reading,) = probe_meter(EstimateMeter(clock), options(), with_readings=True).readings
    assert "not readable" in reading
    assert "/proc/stat" in reading


def test_the_time_of_some_cpus_only_says_nothing(stat: Path, clock: VirtualClock) -> None:
    stat.write_text("cpu  10 0 0 0 0 0 0 0 0 0\n")
    pace = Pace(str(stat), clock)
    second = os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)
    assert not pace.look(clock.now_ns(), 10.0 + second)  # it began to move
    later_ns = clock.now_ns() + 2_000_000_000
    assert pace.look(later_ns, 10.0 + 1.2 * second)
    assert not pace.look(later_ns + 2_000_000_000, 10.0 + 3.2 * second)


def test_a_source_that_stops_in_the_middle_is_unknown_from_there(
    opened: Open, stat: Path, clock: VirtualClock
) -> None:
    meter = opened()
    stat.write_text("cpu  10 0 0 0 0 0 0 0 0 0\n")
    assert meter.read(0)[0].error == 0
    clock.sleep(1.1)
    assert meter.read(0)[0].error == SOURCE_STILL


def test_stolen_and_waiting_time_is_not_busy(stat: Path) -> None:
    stat.write_text("cpu  1 2 3 4 5 6 7 8 9 10\n")
    assert cpu_times(str(stat)) == (1 + 2 + 3 + 6 + 7, 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8)


def test_a_file_that_vanishes_is_an_error_in_the_sample(opened: Open, stat: Path) -> None:
    meter = opened()
    stat.unlink()
    assert meter.read(0)[0].error != 0


def test_without_proc_stat_it_is_unavailable_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 2)
    status = probe_meter(EstimateMeter(), MeterOptions(), with_readings=False)
    assert not status.available
    assert "which only Linux reports" in str(status.reason)


def test_the_time_of_some_cpus_stays_unknown_from_one_judgement_to_the_next(
    stat: Path, clock: VirtualClock
) -> None:
    stat.write_text("cpu  10 0 0 0 0 0 0 0 0 0\n")
    pace = Pace(str(stat), clock)
    quarter = os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1) / 4
    began_ns = clock.now_ns()
    looks = [pace.look(began_ns + step * 100_000_000, 10.0 + step * quarter / 10) for step in range(1, 101)]
    assert all(looks[12:])
