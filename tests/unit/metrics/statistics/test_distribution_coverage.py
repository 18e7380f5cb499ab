"""The intervals of percentiles contain the true percentile, in a short version of `make bench-latency`."""

from __future__ import annotations

import pytest
from benchmarks.latency_coverage import GENERATORS, Generator, coverage

RUNS = 120
FEWEST = 0.92
"""Of 120 runs with a coverage of 95 %, fewer than this are covered once in 25 cells; the seed is fixed."""


@pytest.mark.parametrize("generator", GENERATORS[:5], ids=lambda each: each.title)
def test_the_interval_contains_the_true_percentile(generator: Generator) -> None:
    stated = [
        row for row in coverage(generator, windows=3, requests=160, runs=RUNS) if row.covered is not None
    ]
    assert stated
    assert [(row.percentile, row.covered) for row in stated if (row.covered or 0) < FEWEST] == []
