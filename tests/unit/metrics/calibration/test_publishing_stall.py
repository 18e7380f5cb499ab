"""A stall is told from still power, from chance and from a sampler that paused."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.metrics.calibration.publishing_stall import PublishingStall, find_stall

PERIOD_S = 0.1
REST = (0.0, 12.0)


def _samples(updates_s: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return samples every 20 ms of a sensor that showed another power at each of these times."""
    t_s = np.cumsum(np.random.default_rng(seed).uniform(0.005, 0.035, 600))
    return t_s, 90.0 + np.searchsorted(updates_s, t_s) % 7


def _found(updates_s: np.ndarray, rest: tuple[float, float] = REST) -> PublishingStall | str:
    return find_stall(*_samples(updates_s), PERIOD_S, [rest])


def test_readings_that_stay_for_a_second_are_a_stall() -> None:
    found = _found(np.concatenate([np.arange(0.0, 2.0, PERIOD_S), np.arange(2.0, 12.0)]))
    assert isinstance(found, PublishingStall)
    assert found.hold_s == pytest.approx(1.0, abs=0.05)
    assert found.begins_s == pytest.approx(2.0, abs=0.05)


def test_readings_that_the_next_load_cut_short_are_no_part_of_the_stall() -> None:
    rests = [(start_s, start_s + 5.5) for start_s in (0.0, 11.0, 22.0, 33.0)]
    updates_s = np.concatenate(
        [
            start_s + np.append(np.arange(0.0, 2.0, PERIOD_S), [2.0, 3.0, 4.0, 5.0, 5.45])
            for start_s, _ in rests
        ]
        + [np.arange(end_s, end_s + 5.5, PERIOD_S) for _, end_s in rests]
    )
    t_s = np.cumsum(np.random.default_rng(1).uniform(0.005, 0.035, 2250))
    power_w = 90.0 + np.searchsorted(np.sort(updates_s), t_s) % 7
    found = find_stall(t_s, power_w, PERIOD_S, rests)
    assert isinstance(found, PublishingStall)
    assert found.hold_s == pytest.approx(1.0, abs=0.05)


def test_two_equal_neighbours_now_and_then_are_chance() -> None:
    updates_s = np.arange(0.0, 12.0, PERIOD_S)
    found = _found(np.delete(updates_s, [20, 21, 60, 90]))
    assert isinstance(found, PublishingStall)
    assert found.begins_s is None


@pytest.mark.parametrize("seed", range(5))
def test_coarse_readings_that_are_equal_by_chance_are_no_stall(seed: int) -> None:
    draw = np.random.default_rng(seed)
    t_s = np.cumsum(draw.uniform(0.005, 0.035, 2400))
    power_w = np.round(90.0 + draw.normal(0, 1.5, 500))[(t_s / PERIOD_S).astype(int)]
    found = find_stall(t_s, power_w, PERIOD_S, [(0.0, 12.0), (12.0, 24.0), (24.0, 36.0), (36.0, 47.0)])
    assert isinstance(found, PublishingStall)
    assert found.begins_s is None


def test_readings_that_stay_for_all_lengths_are_no_stall_that_could_be_claimed() -> None:
    found = _found(np.cumsum([0.1, 0.3, 0.5, 0.1, 0.9, 0.4, 0.1, 1.3, 0.3, 0.7, 0.6, 0.1, 1.6, 0.3, 1.0]))
    assert isinstance(found, str)
    assert "too unequal for a stall" in found


def test_sampler_that_paused_is_no_stall() -> None:
    t_s, power_w = _samples(np.arange(0.0, 12.0, PERIOD_S))
    read = t_s % 2.0 < 1.0
    found = find_stall(t_s[read], power_w[read], PERIOD_S, [REST])
    assert isinstance(found, PublishingStall)
    assert found.begins_s is None


def test_short_rest_does_not_show_it() -> None:
    found = _found(np.arange(0.0, 12.0, PERIOD_S), rest=(0.0, 1.3))
    assert isinstance(found, str)
    assert "only 1.3 s on end: calibrate for 80 s or longer" in found


@pytest.mark.parametrize("updates_s", [[], [5.0], [2.0, 11.0, 11.5]])
def test_still_power_is_not_told_from_a_stall(updates_s: list[float]) -> None:
    found = _found(np.array(updates_s))
    assert isinstance(found, str)
    assert "hardly ever changed without load" in found
