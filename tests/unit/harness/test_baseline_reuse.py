"""A former run's bare idle power is taken over on the same machine in the same state, while young and unchanged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import MeasurementConfig
from llenergymeasure.domain.baseline import BaselineReuse
from llenergymeasure.domain.interference import OtherGpuLoad, OtherLoad
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.harness import baseline_cache
from llenergymeasure.harness.idle_baseline import measure_idle_baseline
from llenergymeasure.harness.interference import OtherLoadWatch
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.results.baseline_store import FILE
from llenergymeasure.testing import VirtualClock
from tests.support.idle_baseline_runs import Power, known_power

PROTOCOL = MeasurementConfig.model_validate({"baseline": {"idle_s": 10.0, "reuse_max_age_s": 3600.0}})
START_NS = VirtualClock().time_ns
HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a machine that nobody else uses."""
    monkeypatch.setenv("LLEM_CACHE_DIR", str(tmp_path / "cache"))
    _alone(monkeypatch, OtherLoad(foreign_cpu_cores=0.0))
    return tmp_path / "cache" / FILE


def _alone(monkeypatch: pytest.MonkeyPatch, neighbours: OtherLoad) -> None:
    monkeypatch.setattr(OtherLoadWatch, "look", lambda _watch, empty=None: neighbours)


def _steady(second: float) -> float:
    """Return 70 W, half a watt up and down."""
    return 70.5 if int(second) % 2 else 69.5


def _rest(
    power: Power = _steady, later_s: float = 0.0, protocol: MeasurementConfig = PROTOCOL
) -> tuple[Recorder, BaselineReuse | None]:
    clock = VirtualClock(START_NS + round(later_s * 1e9))
    log = Recorder(clock=clock)
    _, baseline = measure_idle_baseline(protocol, log, known_power(clock, power))
    return log, baseline


def _names(log: Recorder) -> list[str]:
    return [phase.name for phase in log.phases]


def test_first_run_measures_and_the_next_takes_it_over_after_a_check() -> None:
    log, baseline = _rest()
    assert _names(log) == ["baseline_idle"]
    assert baseline == BaselineReuse(
        origin="measured", reason="none is stored for this machine and its state"
    )
    log, baseline = _rest(later_s=600.0)
    assert [(phase.name, phase.duration_s) for phase in log.phases] == [("baseline_check", 2.0)]
    assert baseline is not None
    assert baseline.origin == "cached"
    assert baseline.age_s == pytest.approx(590.0)
    assert baseline.stored is not None
    assert baseline.stored.power_w == pytest.approx(70.0, abs=0.2)
    assert baseline.stored.half_width_w > 0
    (channel,) = baseline.stored.channels
    assert (channel.device, channel.power_w) == ("GPU-0", pytest.approx(baseline.stored.power_w))
    assert 0.3 < channel.deviation_w < 0.6


def test_without_the_setting_nothing_is_read_checked_or_kept(shelf: Path) -> None:
    _rest()
    before = shelf.read_bytes()
    plain = MeasurementConfig.model_validate({"baseline": {"idle_s": 10.0}})
    log, baseline = _rest(later_s=60.0, protocol=plain)
    assert _names(log) == ["baseline_idle"]
    assert baseline is None
    assert shelf.read_bytes() == before


def test_one_that_is_too_old_is_measured_anew_and_replaced() -> None:
    _rest()
    log, baseline = _rest(later_s=10.0 + HOUR_S + 1)
    assert _names(log) == ["baseline_idle"]
    assert baseline is not None
    assert baseline.reason == "the stored one is 3601 s old, of 3600 s at most"
    assert _names(_rest(later_s=HOUR_S + 600)[0]) == ["baseline_check"]


def test_one_from_a_clock_that_was_ahead_is_not_used() -> None:
    _rest(later_s=1000.0)
    assert _names(_rest()[0]) == ["baseline_idle"]


@pytest.mark.parametrize("power_w", [75.0, 65.0])
def test_one_that_has_changed_is_measured_anew_and_says_by_how_much(power_w: float) -> None:
    _rest()
    log, baseline = _rest(lambda _second: power_w, later_s=60.0)
    assert _names(log) == ["baseline_check", "baseline_idle"]
    assert baseline is not None
    assert baseline.origin == "measured"
    assert baseline.reason == f"known power draws {power_w:.1f} W, and drew 70.0 W when it was stored"
    log, baseline = _rest(lambda _second: power_w, later_s=120.0)
    assert _names(log) == ["baseline_check"]


def test_one_within_five_percent_is_unchanged() -> None:
    _rest()
    assert _names(_rest(lambda _second: 73.0, later_s=60.0)[0]) == ["baseline_check"]


def test_restless_machine_is_allowed_three_standard_errors() -> None:
    def restless(second: float) -> float:
        return 60.0 if int(second) % 2 else 80.0

    _rest(restless)  # 10.5 W between slices: 24 W for the mean of two, against 3.5 W of 5 %
    assert _names(_rest(lambda _second: 85.0, later_s=60.0)[0]) == ["baseline_check"]
    assert _names(_rest(lambda _second: 100.0, later_s=120.0)[0]) == ["baseline_check", "baseline_idle"]


def test_another_state_of_the_machine_has_a_baseline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _rest()
    monkeypatch.setattr(baseline_cache, "read_machine_state", lambda: {"gpus": [{"power_limit_w": 300.0}]})
    assert _names(_rest(later_s=60.0)[0]) == ["baseline_idle"]
    assert _names(_rest(later_s=120.0)[0]) == ["baseline_check"]
    monkeypatch.undo()


@pytest.mark.parametrize("change", [{"device": "GPU-1"}, {"meter": "zeus"}, {"note": "another power model"}])
def test_other_devices_or_sensors_have_a_baseline_of_their_own(change: dict[str, str]) -> None:
    clock = VirtualClock()
    channel = known_power(clock, _steady).trace().channels[0]
    log, power = Recorder(clock=clock), known_power(clock, _steady)
    assert baseline_cache.BaselineCache([channel]).take(HOUR_S, log, power).origin == "measured"
    _rest()
    assert (
        baseline_cache.BaselineCache([channel])._key
        != baseline_cache.BaselineCache([channel.model_copy(update=change)])._key
    )


@pytest.mark.parametrize(
    "neighbours",
    [
        OtherLoad(foreign_cpu_cores=1.0),
        OtherLoad(gpus=(OtherGpuLoad(device="GPU-0", label="GPU 0", foreign_pids=(1,)),)),
    ],
    ids=["processor", "GPU"],
)
def test_baseline_of_a_machine_that_others_used_is_not_kept(
    neighbours: OtherLoad, monkeypatch: pytest.MonkeyPatch, shelf: Path
) -> None:
    _alone(monkeypatch, neighbours)
    _, baseline = _rest()
    assert baseline is not None
    assert not shelf.exists()


def test_baseline_too_short_for_a_spread_is_not_kept(shelf: Path) -> None:
    short = MeasurementConfig.model_validate({"baseline": {"idle_s": 1.5, "reuse_max_age_s": HOUR_S}})
    _rest(protocol=short)
    assert not shelf.exists()


def test_a_server_that_runs_already_makes_no_idle_machine_for_others(shelf: Path) -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    _, baseline = measure_idle_baseline(PROTOCOL, log, known_power(clock, _steady), running=[os.getpid()])
    assert baseline is None
    assert _names(log) == ["baseline_idle"]
    assert not shelf.exists()


def test_run_without_meters_has_nothing_to_reuse(shelf: Path) -> None:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    measure_idle_baseline(PROTOCOL, log, Unmetered())
    assert (clock.now_ns() - START_NS) / 1e9 == 10.0
    assert not shelf.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 99, "baselines": {}}', b'{"baselines": {"k": 1}}'],
)
def test_damaged_file_is_ignored_and_mended(shelf: Path, content: bytes, caplog: Any) -> None:
    _rest()
    shelf.write_bytes(content)
    log, baseline = _rest(later_s=60.0)
    assert _names(log) == ["baseline_idle"]
    assert baseline is not None
    assert json.loads(shelf.read_text())["baselines"]
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def test_folder_that_cannot_be_written_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLEM_CACHE_DIR", str(tmp_path / "file"))
    _, baseline = _rest()
    assert baseline is not None
    assert "could not be kept for later runs" in caplog.text


def test_reuse_of_a_baseline_that_is_left_out_is_refused() -> None:
    settings = {"model": "any", "measurement": {"baseline": {"idle_s": 0, "reuse_max_age_s": 60}}}
    with pytest.raises(ConfigError, match="reuse_max_age_s has no effect with idle_s: 0"):
        load_config(overrides=settings)
