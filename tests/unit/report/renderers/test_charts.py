"""Charts of characters: as long as what they show, and never wider than the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llenergymeasure.report.renderers.charts import chart_lines
from llenergymeasure.report.summary.document import Bar, Bars, Mark, Sparkline


def bars(*shares: float) -> Bars:
    return Bars(
        heading="h", bars=tuple(Bar(label=f"b{n}", share=s, value=f"{s:.1f}") for n, s in enumerate(shares))
    )


def test_a_bar_is_as_long_as_its_share_to_an_eighth_of_a_column():
    half, whole, nothing = (line.split("  ")[1].strip() for line in chart_lines(bars(0.5, 1.0, 0.0), 60))
    assert half == "█" * 20
    assert whole == "█" * 40
    assert nothing == ""
    (line,) = chart_lines(bars(0.0125 * 1.5), 60)
    assert "▊" in line


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(5, 120))
def test_bars_are_never_wider_than_the_terminal_where_their_labels_are_not(shares, width):
    chart = bars(*shares)
    labels = max(len(bar.label) + len(bar.value) for bar in chart.bars) + 4
    assert all(len(line) <= max(width, labels) for line in chart_lines(chart, width))


def test_a_sparkline_rises_with_its_levels_and_shows_what_is_unknown():
    (line,) = chart_lines(Sparkline(heading="h", levels=(0.0, 0.5, None, 1.0)), 60)
    assert line == "▁▅·█"


@given(st.integers(1, 100))
def test_a_sparkline_fits_the_terminal(width):
    (line,) = chart_lines(Sparkline(heading="h", levels=(0.2,) * 240), width)
    assert line == "▂" * width


def test_marks_stand_where_they_begin_and_one_without_room_is_left_out():
    marks = (Mark(at=0.0, text="idle"), Mark(at=0.1, text="load"), Mark(at=0.5, text="window 0"))
    _, line = chart_lines(Sparkline(heading="h", levels=(0.5,) * 20, marks=marks), 60)
    assert line == "  load    window 0"
    assert line.index("window 0") == 10


@pytest.mark.parametrize("width", [1, 3, 8])
def test_a_very_narrow_terminal_is_no_error(width):
    assert list(chart_lines(bars(0.3, 0.9), width))


def test_a_name_without_room_is_shortened_where_it_has_a_short_form():
    marks = tuple(Mark(at=0.25 * n, text=f"window {n}", short=str(n)) for n in range(4))
    _, line = chart_lines(Sparkline(heading="h", levels=(0.5,) * 20, marks=marks), 60)
    assert line == "0    1    2    3"
