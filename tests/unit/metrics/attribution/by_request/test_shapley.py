"""Sampled Shapley values agree with the closed form of the game and with all orders of its players."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.metrics.attribution.by_request.shapley import ShapleyValues, sampled_shapley

PLAYERS = 5


def _game(seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return steps, requests, own and fixed costs of a random game of five requests in 30 steps."""
    rng = np.random.default_rng(seed)
    together = rng.random((30, PLAYERS)) < 0.5
    step, request = np.nonzero(together)
    return step, request, rng.uniform(0, 2, len(step)), rng.uniform(1, 3, 30)[step]


def _brute_force(seed: int) -> NDArray[np.float64]:
    """Return the mean marginal cost of each request over all orders."""
    step, request, own, fixed = _game(seed)
    value = np.zeros(PLAYERS)
    orders = list(permutations(range(PLAYERS)))
    for order in orders:
        seen: set[int] = set()
        for player in order:
            mine = request == player
            value[player] += own[mine].sum()
            value[player] += sum(
                cost
                for at, cost in zip(step[mine], fixed[mine], strict=True)
                if not any((step[request == other] == at).any() for other in seen)
            )
            seen.add(player)
    return value / len(orders)


def _closed_form(seed: int) -> NDArray[np.float64]:
    """Every step's fixed part is shared equally, and each request pays what it adds."""
    step, request, own, fixed = _game(seed)
    members = np.bincount(step)[step]
    return np.bincount(request, own + fixed / members, minlength=PLAYERS)


def _sampled(seed: int, orders: int) -> ShapleyValues:
    return sampled_shapley(*_game(seed), PLAYERS, orders)


@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_is_the_mean_over_all_orders(seed: int) -> None:
    assert _closed_form(seed) == pytest.approx(_brute_force(seed))


@pytest.mark.parametrize("seed", range(3))
def test_sampled_values_agree_with_the_closed_form_within_their_errors(seed: int) -> None:
    sampled = _sampled(seed, 4000)
    assert np.abs(sampled.value_j - _closed_form(seed)).max() < 4 * sampled.error_j.max()
    assert sampled.value_j == pytest.approx(_closed_form(seed), rel=0.02)
    assert sampled.value_j.sum() == pytest.approx(_closed_form(seed).sum())


def test_the_sampling_error_is_the_scatter_of_the_samples() -> None:
    exact = _closed_form(1)
    errors = np.array([_sampled(1, 100).error_j, _sampled(1, 400).error_j])
    assert errors[0] / errors[1] == pytest.approx(np.full(PLAYERS, 2.0), rel=0.2)
    assert np.abs(_sampled(1, 100).value_j - exact).mean() < 2 * errors[0].mean()


def test_without_steps_nobody_pays() -> None:
    nothing = np.empty(0, dtype=np.intp)
    assert sampled_shapley(nothing, nothing, np.empty(0), np.empty(0), 2).value_j.tolist() == [0, 0]
