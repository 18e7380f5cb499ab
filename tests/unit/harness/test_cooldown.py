"""A run waits until the machine is as cool as asked for, and says when it is not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from llenergymeasure.config.models import CooldownConfig
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.cooldown import cool_down
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.testing import VirtualClock
from tests.support.idle_baseline_runs import config, known_power, run

Celsius = Callable[[float], float | None]
ASKED = CooldownConfig(max_temperature_c=45.0, max_wait_s=100.0)


def _cooling(second: float) -> float:
    """Return the temperature of a card that loses half a degree a second."""
    return max(60.0 - 0.5 * second, 35.0)


def _wait(celsius: Celsius, settings: CooldownConfig = ASKED) -> tuple[Recorder, list[RunEvent]]:
    clock = VirtualClock()
    told: list[RunEvent] = []
    log = Recorder(clock=clock, emit=told.append)
    cool_down(settings, log, known_power(clock, lambda _second: 80.0, celsius=celsius))
    return log, told


def _result(celsius: Celsius) -> ExperimentResult:
    clock = VirtualClock()
    settings = config(
        cooldown={"max_temperature_c": 45.0, "max_wait_s": 100.0}, baseline={"idle_s": 2.0, "loaded_s": 2.0}
    )
    return run(settings, clock, known_power(clock, lambda _second: 80.0, celsius=celsius))


def test_waits_for_the_temperature_and_no_longer() -> None:
    log, _ = _wait(_cooling)
    (phase,) = log.phases
    assert (phase.name, phase.duration_s) == ("cooldown", 30.0)


def test_cool_machine_starts_at_once() -> None:
    log, _ = _wait(lambda _second: 45.0)
    assert log.phases[0].duration_s == 0.0


def test_nothing_is_waited_for_unless_asked() -> None:
    log, told = _wait(lambda _second: 90.0, CooldownConfig())
    assert log.phases == told == []


def test_wait_ends_at_its_cap() -> None:
    log, _ = _wait(lambda _second: 70.0)
    assert log.phases[0].duration_s == 100.0


def test_unknown_temperature_is_not_waited_for() -> None:
    log, _ = _wait(lambda _second: None)
    assert log.phases[0].duration_s < 5.0


def test_temperature_that_is_unknown_for_a_moment_is_waited_for() -> None:
    log, _ = _wait(lambda second: None if 10 < second < 12 else _cooling(second))
    assert log.phases[0].duration_s == 30.0


def test_run_without_meters_is_not_held_up() -> None:
    log = Recorder(clock=VirtualClock())
    cool_down(ASKED, log, Unmetered())
    assert log.phases[0].duration_s < 5.0


def test_progress_tells_how_warm_it_is() -> None:
    _, told = _wait(_cooling)
    phase, first, *_ = told
    assert (phase.kind, phase.phase) == ("phase", "cooldown")
    assert (first.kind, first.phase, first.temperature_c, first.power_w) == (
        "progress",
        "cooldown",
        60.0,
        80.0,
    )


def test_waiting_sleeps_between_looks() -> None:
    looks: list[float] = []

    def celsius(second: float) -> float:
        looks.append(second)
        return 70.0

    _wait(celsius)
    gaps = {round(later - earlier, 6) for earlier, later in pairwise(looks)}
    assert max(gaps) == 0.5
    assert len(looks) < 500  # each look, and the power beside it


def test_result_says_how_warm_the_run_began() -> None:
    cooldown = _result(_cooling).cooldown
    assert cooldown is not None
    assert (cooldown.limit_c, cooldown.before_c, cooldown.duration_s) == (45.0, 60.0, 30.0)
    assert cooldown.after_c == pytest.approx(45.0, abs=0.02)
    assert cooldown.reached


def test_reached_temperature_gives_no_warning() -> None:
    assert "start_temperature" not in {warning.code for warning in _result(_cooling).warnings}


def test_run_that_began_too_warm_says_so_with_its_figure() -> None:
    (warning,) = [each for each in _result(lambda _second: 70.0).warnings if each.code == "start_temperature"]
    assert warning.message == (
        "The run started at 70 °C, above the limit of 45 °C, after 100 s of cooling down."
    )
    assert warning.severity == "warning"


def test_run_that_cannot_tell_its_temperature_says_so() -> None:
    result = _result(lambda _second: None)
    assert result.cooldown is not None
    assert result.cooldown.after_c is None
    (warning,) = [each for each in result.warnings if each.code == "start_temperature"]
    assert "report no temperature" in warning.message


def test_run_without_a_limit_has_no_cooldown() -> None:
    clock = VirtualClock()
    power = known_power(clock, lambda _second: 80.0, celsius=lambda _second: 90.0)
    result = run(config(baseline={"idle_s": 2.0}), clock, power)
    assert result.cooldown is None
