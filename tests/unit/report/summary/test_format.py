"""Claims about how figures are written."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.report.summary.format import bytes_text, duration_text, estimate_text, plural, quantity
from tests.support.sample_results import interval


@pytest.mark.parametrize(
    ("value", "half_width", "unit", "text"),
    [
        (1.23449, 0.0121, "J", "1.234 ± 0.012 J"),
        (12_345.6, 67.4, "J", "12,346 ± 67 J"),
        (123.4, 45.6, "J", "123 ± 46 J"),
        (99.96, 0.0996, "J", "99.96 ± 0.10 J"),
        (1_234_567.0, 890.0, "J", "1.23457 ± 0.00089 MJ"),
        (0.0953, 0.0012, "J/token", "0.0953 ± 0.0012 J/token"),
        (0.000123, 0.00004, "J/token", "123 ± 40 µJ/token"),
        (0.0423, 0.0003, "s", "42.30 ± 0.30 ms"),
        (75.3, 1.5, "s", "75.3 ± 1.5 s"),
        (26.123, 0.04, "tokens/s", "26.123 ± 0.040 tokens/s"),
        (1.2, 3.4, "J", "1.2 ± 3.4 J"),
        (-3.0, 1.0, "J", "-3.0 ± 1.0 J"),
        (0.0, 1.0, "J", "0.0 ± 1.0 J"),
        (5.0, 0.0, "J", "5.000 ± 0.000 J"),
        (-0.0104, 28.0, "J", "0 ± 28 J"),
        (0.00002, 28.0, "J", "0 ± 28 J"),
    ],
)
def test_the_interval_decides_the_digits(value: float, half_width: float, unit: str, text: str) -> None:
    assert estimate_text(interval(value, half_width, unit)) == text


def test_a_figure_without_interval_has_four_digits() -> None:
    assert estimate_text(Estimate(value=12.34567, unit="J", method="counter")) == "12.35 J"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.234e13, "FLOP", "12.34 TFLOP"),
        (0, "J", "0 J"),
        (-12.3456, "J", "-12.35 J"),
        (123_456, "W", "123.5 kW"),
    ],
)
def test_units_take_a_fitting_prefix(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_sizes_and_spans_are_written_as_people_say_them() -> None:
    assert [bytes_text(size) for size in (12, 1024, 5.3e8, 1.7e10, 1e15)] == [
        "12 B",
        "1.00 KiB",
        "505 MiB",
        "15.8 GiB",
        "909 TiB",
    ]
    assert [duration_text(seconds) for seconds in (0.42, 12.34, 185, 7620)] == [
        "0.42 s",
        "12.3 s",
        "3 min 05 s",
        "2 h 07 min",
    ]
    assert [plural(count, "row") for count in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_a_half_width_of_rounding_errors_is_zero() -> None:
    estimate = Estimate(value=0.05, low=0.05 - 1e-17, high=0.05 + 1e-17, unit="s", method="derived")
    assert estimate_text(estimate) == "50.00 ± 0.00 ms"


@pytest.mark.parametrize("residue", [-7.816e-14, 7.816e-14, -2e-10])
@pytest.mark.parametrize("unit", ["J", "W", "s"])
def test_what_a_difference_of_equal_sums_leaves_is_zero(residue: float, unit: str) -> None:
    assert quantity(residue, unit) == f"0 {unit}"
    alone = Estimate(value=residue, unit=unit, method="estimated", reason="too short")
    assert estimate_text(alone) == f"0 {unit}"
    within = alone.model_copy(update={"low": residue - 0.04, "high": residue + 0.04})
    assert estimate_text(within) == ("0 ± 40 ms" if unit == "s" else f"0.000 ± 0.040 {unit}")
    exactly = alone.model_copy(update={"low": residue, "high": residue})
    assert estimate_text(exactly) == f"0 ± 0 {unit}"


def test_small_figures_of_other_units_are_no_residue() -> None:
    assert quantity(5e-11, "J/FLOP") == "0.00005000 µJ/FLOP"


def test_a_count_has_no_interval_and_a_count_of_flops_is_rounded() -> None:
    assert estimate_text(exact(12_000, "tokens", "counted")) == "12,000 tokens"
    assert estimate_text(exact(5.83e12, "FLOP", "counted")) == "5.830 TFLOP"


def test_an_interval_that_reaches_further_on_one_side_is_shown_by_its_ends() -> None:
    clipped = Estimate(value=430.0, low=0.0, high=1680.0, unit="mJ/token", method="derived")
    assert estimate_text(clipped) == "430 (0 to 1,680) mJ/token"
    inverse = Estimate(value=1.7, low=1.13, high=3.4, unit="tokens/J", method="estimated")
    assert estimate_text(inverse) == "1.7 (1.1 to 3.4) tokens/J"
    small = Estimate(value=0.0562, low=0.0, high=4.0, unit="tokens/J", method="estimated")
    assert estimate_text(small) == "0.056 (0.0 to 4.0) tokens/J"
    even = Estimate(value=10.0, low=9.0, high=11.01, unit="J", method="counter")
    assert estimate_text(even) == "10.0 ± 1.0 J"
