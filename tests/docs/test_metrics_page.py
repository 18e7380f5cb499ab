"""The page about figures is the table in the code."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from llenergymeasure.metrics.figures import table

ROOT = Path(__file__).parents[2]


def _generated() -> str:
    page: str = runpy.run_path(str(ROOT / "scripts" / "write_reference.py"))["metrics_page"]()
    return page


def test_the_page_about_figures_is_what_the_code_generates() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert page == _generated(), "run `make docs-reference`"


def test_every_figure_of_the_table_has_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(f"### `{figure.name}`" in _generated() for figure in table.FIGURES)
    monkeypatch.setattr(table, "FIGURES", table.FIGURES[1:])
    assert "### `total_energy_j`" not in _generated()
