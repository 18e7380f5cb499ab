"""The page about figures follows the table in the code."""

from __future__ import annotations

import types
from pathlib import Path

import pytest
from scripts.reference.figures import metrics_page

from llenergymeasure.domain.trace import Phase
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.account import TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures import table
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs

ROOT = Path(__file__).parents[2]


def test_every_figure_of_the_table_has_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(f"### `{figure.name}`" in metrics_page() for figure in table.FIGURES)
    monkeypatch.setattr(table, "FIGURES", table.FIGURES[1:])
    assert "### `total_energy_j`" not in metrics_page()


def test_the_figure_of_the_contributing_page_is_computed() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Add a figure")[2]
    shown = types.ModuleType("shown")
    exec(page.partition("```python\n")[2].partition("```")[0], shown.__dict__)
    figure: Figure = shown.ENERGY_PER_KILOTOKEN
    window = Phase(name="window", start_unix_ns=0, end_unix_ns=10**9, repeat=0)
    row = WindowTotals(window=window, energy=TotalEnergy(energy_j=300.0), output_tokens=500)
    budget = figure.compute(figure, FigureInputs(rows=[row]))
    assert isinstance(budget, UncertaintyBudget)
    assert budget.value == pytest.approx(600.0)
