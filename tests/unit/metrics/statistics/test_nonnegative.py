"""Non-negative least squares find known coefficients, and their intervals cover them as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.metrics.statistics import nonnegative
from llenergymeasure.metrics.statistics.nonnegative import NonNegativeFit, fit_nonnegative

TRUE = np.array([3.0, 0.02, 150.0])


def _design(random: np.random.Generator, rows: int) -> np.ndarray:
    return random.uniform(0.5, 1.5, (rows, 3)) * np.array([10.0, 2000.0, 0.1])


def _correlated_fit(seed: int, groups: int = 20, size: int = 30) -> NonNegativeFit:
    """Fit rows whose errors are mostly shared within a group, and grow with the value."""
    random = np.random.default_rng(seed)
    number = np.repeat(np.arange(groups), size)
    # Conditions differ from group to group, as lengths of prompts do; that is when a shared error does most harm.
    design = _design(random, groups)[number] * random.uniform(0.8, 1.2, (groups * size, 3))
    exact = design @ TRUE
    error = 0.05 * exact * (random.normal(size=groups)[number] + 0.3 * random.normal(size=len(number)))
    return fit_nonnegative(design, exact + error, np.ones(len(number)), number)


def test_exact_values_give_the_coefficients_and_no_residual() -> None:
    design = _design(np.random.default_rng(1), 60)
    fit = fit_nonnegative(design, design @ TRUE, np.ones(60), np.arange(60) // 3)
    assert fit.coefficients == pytest.approx(TRUE, rel=1e-9)
    assert (fit.rows, fit.groups, fit.degrees_of_freedom) == (60, 20, 19)
    assert fit.relative_residual < 1e-12
    assert fit.r2 == pytest.approx(1.0)
    assert fit.half_width(np.ones(3)) == pytest.approx(0.0, abs=1e-8)
    assert not fit.at_zero.any()
    assert fit.condition_number < 20


def test_intervals_cover_the_truth_though_errors_are_shared_within_groups() -> None:
    combinations = [*np.eye(3), np.array([10.0, 2000.0, 0.1])]
    hits = np.zeros(len(combinations))
    for seed in range(200):
        fit = _correlated_fit(seed)
        for at, combination in enumerate(combinations):
            half = fit.half_width(combination)
            assert half is not None
            hits[at] += abs(fit.value(combination) - combination @ TRUE) <= half
    assert np.all(hits >= 184), hits  # 95 % of 200, less three standard errors


def test_a_coefficient_that_would_be_negative_is_zero_and_said_so() -> None:
    design = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    fit = fit_nonnegative(design, design @ np.array([5.0, -1.0]), np.ones(4), np.arange(4))
    assert fit.coefficients[1] == 0
    assert fit.at_zero.tolist() == [False, True]


def test_columns_that_depend_on_each_other_leave_only_their_sum_estimable() -> None:
    random = np.random.default_rng(3)
    steps = random.uniform(1, 2, 50)
    design = np.stack([steps, 8 * steps, random.uniform(0, 1, 50)], axis=1)
    fit = fit_nonnegative(design, design @ np.array([2.0, 0.5, 7.0]), np.ones(50), np.arange(50))
    assert fit.condition_number == float("inf")
    assert not fit.is_estimable(np.array([1.0, 0, 0]))
    assert fit.half_width(np.array([0, 1.0, 0])) is None
    assert fit.is_estimable(np.array([1.0, 8.0, 0]))
    assert fit.value(np.array([1.0, 8.0, 0])) == pytest.approx(6.0)
    assert fit.value(np.array([0, 0, 1.0])) == pytest.approx(7.0)


def test_what_a_single_group_tells_has_a_deviation_as_large_as_itself() -> None:
    random = np.random.default_rng(4)
    design = np.stack([np.arange(40) == 7, random.uniform(1, 2, 40)], axis=1).astype(float)
    fit = fit_nonnegative(design, design @ np.array([4.0, 1.0]), np.ones(40), np.arange(40))
    lone, usual = fit.half_width(np.array([1.0, 0])), fit.half_width(np.array([0, 1.0]))
    assert lone is not None
    assert lone > 4.0
    assert usual == pytest.approx(0.0, abs=1e-9)


def test_one_group_has_no_interval() -> None:
    design = _design(np.random.default_rng(5), 10)
    assert fit_nonnegative(design, design @ TRUE, np.ones(10), np.zeros(10, int)).half_width(TRUE) is None


def test_rows_that_are_not_known_are_left_out_and_none_is_no_error() -> None:
    design = _design(np.random.default_rng(6), 10)
    values = design @ TRUE
    values[3] = np.nan
    assert fit_nonnegative(design, values, np.ones(10), np.arange(10)).rows == 9
    nothing = fit_nonnegative(design[:0], values[:0], np.ones(0), np.arange(0))
    assert (nothing.rows, nothing.is_estimable(TRUE), nothing.half_width(TRUE)) == (0, False, None)


def test_coefficients_are_found_where_the_first_solver_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(*_: object) -> None:
        raise RuntimeError("Maximum number of iterations reached.")

    monkeypatch.setattr("scipy.optimize.nnls", gives_up)
    design = _design(np.random.default_rng(8), 30)
    fit = fit_nonnegative(design, design @ TRUE, np.ones(30), np.arange(30))
    assert fit.coefficients == pytest.approx(TRUE, rel=1e-4)


def test_rows_with_smaller_deviations_count_for_more() -> None:
    design = np.ones((4, 1))
    fit = fit_nonnegative(design, np.array([1.0, 1, 2, 2]), np.array([0.01, 0.01, 1, 1]), np.arange(4))
    assert fit.coefficients[0] == pytest.approx(1.0001, abs=1e-4)


def test_chunks_and_joined_groups_change_nothing_of_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    design = _design(random, 500)
    values, number = design @ TRUE + random.normal(size=500), random.permutation(np.arange(500) // 2)
    whole = fit_nonnegative(design, values, np.ones(500), number)
    monkeypatch.setattr(nonnegative, "CHUNK_ROWS", 7)
    chunked = fit_nonnegative(design, values, np.ones(500), number)
    assert chunked.coefficients == pytest.approx(whole.coefficients)
    assert chunked.covariance == pytest.approx(whole.covariance)
    monkeypatch.setattr(nonnegative, "MOST_GROUPS", 40)
    joined = fit_nonnegative(design, values, np.ones(500), number)
    assert joined.groups == 40
    assert joined.half_width(TRUE) == pytest.approx(whole.half_width(TRUE), rel=0.4)


def test_a_coefficient_beside_dependent_columns_is_estimable_although_rounding_mixes_them() -> None:
    random = np.random.default_rng(3)
    design = _design(random, 40)
    design = np.column_stack([design[:, 0], 4 * design[:, 0], 1e-5 * design[:, 1] + 1e-7 * design[:, 0]])
    fit = fit_nonnegative(design, design @ TRUE, np.ones(40), np.arange(40) // 2)
    assert [fit.is_estimable(each) for each in np.eye(3)] == [False, False, True]
    assert fit.is_estimable(np.array([1.0, 4.0, 0.0]))
