"""Columns of the fit of phases share out all time, and follow the power of decoding along its runs."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.metrics.attribution.phases.columns import PhaseColumns

PREFILL = np.array([[1.0, 1.2], [4.0, 4.5]])
DECODE = np.array([[1.2, 3.0], [4.5, 6.0]])


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_all_columns_of_seconds_add_up_to_the_time(degree: int) -> None:
    columns = PhaseColumns(prefill_s=PREFILL, decode_s=DECODE, degree=degree)
    at_s = np.linspace(0, 7, 50)
    assert columns.until(at_s).sum(axis=1) == pytest.approx(at_s)
    assert len(columns.phase_of_column) == columns.until(at_s).shape[1]


def test_a_power_that_rises_along_a_run_has_the_energy_of_its_line() -> None:
    columns = PhaseColumns(prefill_s=PREFILL, decode_s=DECODE, has_rest=False)
    first_w, last_w = 200.0, 300.0
    seconds = np.diff(columns.until(np.array([1.2, 2.1])), axis=0)[0]
    assert seconds @ np.array([0.0, first_w, last_w]) == pytest.approx(0.9 * (200 + 250) / 2)


def test_prefills_are_counted_by_the_share_that_is_over() -> None:
    columns = PhaseColumns(prefill_s=PREFILL, decode_s=DECODE, per_prefill=True)
    assert columns.until(np.array([1.1, 2.0, 4.25, 9.0]))[:, 1] == pytest.approx([0.5, 1.0, 1.5, 2.0])
    assert columns.phase_of_column.tolist() == [0, 0, 1, 1, 2]
