"""Claims about the time a run has left."""

from __future__ import annotations

from llenergymeasure.cli.timeleft import TimeLeft
from llenergymeasure.config.models import MeasurementConfig

PROTOCOL = MeasurementConfig.model_validate(
    {
        "baseline": {"idle_s": 30, "loaded_s": 10},
        "warmup": {"min_duration_s": 5},
        "window": {"min_duration_s": 20},
        "repeats": {"min": 3, "max": 10},
    }
)


def test_everything_planned_counts_at_the_start() -> None:
    assert TimeLeft(protocol=PROTOCOL).seconds("baseline_idle", None, 0.0) == 30 + 10 + 5 + 3 * 20


def test_what_has_passed_does_not_count() -> None:
    left = TimeLeft(protocol=PROTOCOL)
    assert left.seconds("baseline_idle", None, 12.0) == 18 + 10 + 5 + 60
    assert left.seconds("warmup", None, 1.0) == 4 + 60
    assert left.seconds("window", 1, 5.0) == 15 + 20


def test_a_phase_that_outlasts_its_plan_does_not_run_backwards() -> None:
    assert TimeLeft(protocol=PROTOCOL).seconds("window", 2, 50.0) == 0.0


def test_later_windows_are_expected_to_take_what_the_first_took() -> None:
    left = TimeLeft(protocol=PROTOCOL)
    left.note_window(28.0)
    assert left.seconds("window", 1, 0.0) == 28 + 28


def test_a_first_window_of_one_long_pass_tells_how_long_it_and_the_others_take() -> None:
    left = TimeLeft(protocol=PROTOCOL)
    left.note_progress(0.25, 30.0)
    assert left.seconds("window", 0, 30.0) == 90 + 2 * 120


def test_a_warmup_that_is_not_steady_yet_may_go_on_to_its_cap() -> None:
    assert TimeLeft(protocol=PROTOCOL).seconds("warmup", None, 20.0) == 40 + 60


def test_further_repeats_count_only_themselves() -> None:
    assert TimeLeft(protocol=PROTOCOL).seconds("window", 6, 5.0) == 15


def test_before_the_first_phase_nothing_is_known() -> None:
    assert TimeLeft(protocol=PROTOCOL).seconds("", None, 1.0) is None


def test_a_slow_warmup_tells_how_long_it_and_the_windows_will_take() -> None:
    left = TimeLeft(protocol=PROTOCOL, pass_requests=60)
    left.note_warmup(0.25, 0.5, 15.0)
    assert left.seconds("warmup", None, 15.0) == 45 + 3 * 120
    assert left.seconds("window", 0, 0.0) == 3 * 120


def test_a_window_has_whole_passes() -> None:
    left = TimeLeft(protocol=PROTOCOL, pass_requests=8)
    left.note_warmup(1.0, 1.0, 5.0)
    assert left.seconds("window", 0, 0.0) == 3 * 24


def test_a_window_of_a_closed_loop_is_as_long_as_asked() -> None:
    left = TimeLeft(protocol=PROTOCOL)
    left.note_warmup(0.5, 0.01, 2.0)
    assert left.seconds("window", 0, 0.0) == 60


def test_a_warmup_that_says_nothing_changes_nothing() -> None:
    left = TimeLeft(protocol=PROTOCOL, pass_requests=60)
    left.note_warmup(None, None, 5.0)
    assert left.seconds("warmup", None, 1.0) == 4 + 60
