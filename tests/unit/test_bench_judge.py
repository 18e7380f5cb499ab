"""The independent generator behind `make bench-coverage`: its truth is exact, and its sensors do what they say."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks import judge
from benchmarks.judge.cells import (
    A_QUARTER,
    A_SECOND,
    COUNTER_ALONE,
    IN_STEP,
    LENGTHS_S,
    NOT_COVERED,
    SENSORS,
    STALLING,
    WHOLE_100_MS,
    not_covered,
)
from benchmarks.judge.runs import read, repeats, rested, served
from benchmarks.judge.sampler import PAUSES, PLAIN, SLOW_CALLS, Sampler, sample
from benchmarks.judge.sensors import Board, Power, Published, Sensor, counter, random_board, readings, sensed
from benchmarks.judge.signals import GRID_S, SIGNALS, Floats, energy_until_j, random_levels
from benchmarks.judge.verdict import judge_served, judge_total
from benchmarks.stated import RESTS, SERVED, Stated, rows_of

ROOT = Path(__file__).parents[2]
PLAIN_BOARD = Board(
    deviation=0.0,
    wave_w=300.0,
    wave_phase=0.0,
    drift=0.0,
    jitter=0.0,
    noise_w=0.0,
    correlated=0.0,
    step_w=0.001,
    wander_w=0.0,
    wander_s=0.5,
)
WAVE_W = 200.0 + 100.0 * np.sin(np.arange(20_000) * GRID_S * 7.0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def shown(power: Power, power_w: Floats, board: Board = PLAIN_BOARD, *, has_timer: bool = True) -> Published:
    sensor = Sensor(name="power", power=power, has_timer=has_timer)
    seen_w = sensed(rng(), board, power_w)
    return readings(rng(), board, sensor, seen_w, np.full(len(power_w), True))


def test_the_energy_of_a_course_is_exact() -> None:
    power_w = rng().uniform(50.0, 700.0, 40)
    finer_w = np.repeat(power_w, 1000)
    for t_s in (0.0, 0.003, 0.017251, 0.04):
        steps = round(t_s / GRID_S * 1000)
        assert energy_until_j(power_w, np.array([t_s]))[0] == pytest.approx(finer_w[:steps].sum() * 1e-6)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_fits_its_board_and_comes_again_with_its_seed(name: str) -> None:
    levels = random_levels(rng(3))
    first, again, other = (SIGNALS[name](rng(seed), 5000, levels) for seed in (1, 1, 2))
    assert first.shape == (5000,)
    assert np.all((first > 0) & (first <= 1.3 * levels.top_w))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_tensor_parallel_power_swings_by_20_to_40_percent() -> None:
    levels = random_levels(rng(3))
    for seed in range(10):
        power_w = SIGNALS["tensor parallel"](rng(seed), 20_000, levels)
        assert 0.15 < np.ptp(power_w) / power_w.mean() < 0.45


def test_a_reading_is_the_mean_over_the_time_that_the_sensor_sees() -> None:
    found = shown(A_QUARTER, WAVE_W)
    assert np.diff(found.t_s) == pytest.approx(0.1)
    seen_j = energy_until_j(WAVE_W, found.t_s) - energy_until_j(WAVE_W, found.t_s - 0.025)
    assert found.value == pytest.approx(seen_j / 0.025, abs=0.0006)


def test_a_counter_shows_the_energy_until_its_last_tick() -> None:
    sensor = Sensor(name="counter", counter_s=0.05)
    found = counter(rng(), PLAIN_BOARD, sensor, WAVE_W)
    counted_j = found.at(np.array([17.0])) - found.at(np.array([2.0]))
    last_s = [found.t_s[found.t_s <= t_s][-1] for t_s in (2.0, 17.0)]
    true_j = np.diff(energy_until_j(WAVE_W, np.array(last_s)))
    assert counted_j == pytest.approx(true_j, rel=2e-3)  # its own noise
    assert np.diff(found.t_s) == pytest.approx(0.05)


def test_a_mean_over_a_second_rises_by_elevenths_and_ends_with_the_rest() -> None:
    step_w = np.where(np.arange(6000) < 3000, 100.0, 210.0)
    rises = np.diff(shown(A_SECOND, step_w).value)
    risen = rises[np.abs(rises) > 0.01]
    assert risen.sum() == pytest.approx(110.0, abs=0.01)
    assert 9 <= len(risen) <= 14
    assert np.sum(np.abs(risen - 10.0) < 0.01) >= 6  # 110 W / 11


def test_a_mean_that_stalls_is_published_each_second_some_time_after_work_ended() -> None:
    at_work = np.arange(20_000) < 8000
    found = readings(
        rng(), PLAIN_BOARD, Sensor(name="a", power=STALLING), np.where(at_work, 300.0, 60.0), at_work
    )
    gaps_s, later = np.diff(found.t_s), found.t_s[:-1]
    assert gaps_s[later < 9.1] == pytest.approx(0.1)
    assert gaps_s[later > 11.2] == pytest.approx(1.0)


def test_boards_differ_from_a_straight_line_by_half_a_percent_at_most() -> None:
    for seed in range(20):
        board = replace(random_board(rng(seed), 400.0), noise_w=0.0, step_w=0.001, wander_w=0.0)
        found = shown(WHOLE_100_MS, np.linspace(40.0, 400.0, 30_000), board)
        true_w = np.diff(energy_until_j(np.linspace(40.0, 400.0, 30_000), found.t_s)) / np.diff(found.t_s)
        off = np.abs(found.value[1:] / true_w - 1)
        assert 0.0015 < off[5:-5].max() < 0.01  # 5 of jitter: the box is not the time between updates


def test_a_timer_keeps_its_beat_and_a_clock_without_one_wanders() -> None:
    def stray_s(has_timer: bool) -> float:
        board = replace(PLAIN_BOARD, jitter=0.02)
        t_s = shown(WHOLE_100_MS, np.full(200_000, 100.0), board, has_timer=has_timer).t_s
        return float(np.ptp(t_s - np.arange(len(t_s)) * 0.1))

    assert stray_s(has_timer=True) < 0.02
    assert stray_s(has_timer=False) > 0.04


def test_readings_are_rounded_to_the_step_of_the_board() -> None:
    found = shown(A_QUARTER, WAVE_W, replace(PLAIN_BOARD, step_w=1.0))
    assert np.array_equal(found.value, np.round(found.value))


def test_samplers_pause_or_take_long_calls() -> None:
    ticks = Published(t_s=np.arange(600) * 0.1, value=np.arange(600.0))
    gaps_s = {
        habit: np.diff(sample(rng(5), Sampler(habit=habit, period_s=0.02), 60.0, ticks, None).t_s)
        for habit in (PLAIN, SLOW_CALLS, PAUSES)
    }
    assert gaps_s[PLAIN].mean() == pytest.approx(0.02, rel=0.1)
    assert gaps_s[PLAIN].max() < 0.05 < 0.1 < gaps_s[PAUSES].max() < 0.7
    assert gaps_s[SLOW_CALLS].mean() > 0.02


def test_windows_lie_where_the_work_is_and_rests_where_it_is_not() -> None:
    course = rested(rng(), 1.0, 4)
    assert [len(course.windows_s), len(course.quiet_s)] == [4, 6]
    assert np.diff(course.windows_s) == pytest.approx(1.0, rel=0.05)
    for start_s, end_s in course.windows_s:
        at = slice(round(start_s / GRID_S), round(end_s / GRID_S))
        assert course.at_work[at].all() or course.signal == "idling"
    for start_s, end_s in course.quiet_s:
        assert not course.at_work[round(start_s / GRID_S) : round(end_s / GRID_S)].any()
    assert served(rng(), (1.0, 10.0)).quiet_s.shape == (0, 2)


def test_repeats_are_alike_and_begin_with_their_peak() -> None:
    course = repeats(rng(), (0.06, 0.12), 0.3)
    assert np.ptp(course.true_j) / course.true_j.mean() < 0.01
    for start_s, end_s in course.windows_s:
        power_w = course.power_w[round(start_s / GRID_S) : round(end_s / GRID_S)]
        assert power_w[:60].min() > power_w[120:].max()
    assert repeats(rng(), (0.06, 0.12), 0.0).quiet_s.shape == (0, 2)


def test_verdicts_come_again_with_their_seed() -> None:
    assert list(judge_served(SENSORS[2], 1)) == list(judge_served(SENSORS[2], 1))
    assert judge_total(SENSORS[2], "0.3 s", "20-40 ms", 1) != judge_total(SENSORS[2], "0.3 s", "20-40 ms", 2)


def test_a_sensor_without_counter_has_no_energy_and_one_without_power_no_watts() -> None:
    course = rested(rng(), 1.0, 1)
    counted, alone = (read(rng(), course, sensor).samples for sensor in (SENSORS[0], SENSORS[-1]))
    assert np.isnan(counted.power_w).all()
    assert np.isfinite(counted.energy_j).all()
    assert np.isnan(alone.energy_j).all()
    assert np.isfinite(alone.power_w).all()


def test_only_the_verdict_knows_the_library_and_nothing_the_simulators() -> None:
    folder = Path(judge.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("tests") for name in names), path.name
            assert path.name == "verdict.py" or not any(name.startswith("llenergy") for name in names)


def test_every_load_in_step_is_marked_as_not_covered_and_no_other_row_by_accident() -> None:
    titles = [f"{length_s:.0f} s" for length_s in LENGTHS_S]
    for sensor, load in IN_STEP:
        assert all(not_covered(sensor.name, f"{title}, {load}") for title in titles)
    unmarked = [sensor for sensor in SENSORS if not any(not_covered(sensor.name, title) for title in titles)]
    assert COUNTER_ALONE in unmarked
    page = (ROOT / "docs/explanation/uncertainty.md").read_text(encoding="utf-8")
    assert all(name.partition(", rest")[0] in page for name in NOT_COVERED)


def test_a_row_counts_what_held_and_leaves_unknown_energies_out() -> None:
    given = [(0.01, 0.02, RESTS), (-0.03, 0.02, SERVED), (float("nan"), float("nan"), SERVED)]
    found = [
        Stated(sensor="a", windows="1 s", error=error, half_width=width, kind=kind)
        for error, width, kind in given
    ]
    (row,) = rows_of(found)
    assert (row.count, row.unknown, row.held) == (3, 1, 0.5)
    assert (row.held_with_rests, row.held_served) == (1.0, 0.0)
    assert (row.bias, row.mean_error) == pytest.approx((-0.01, 0.02))
