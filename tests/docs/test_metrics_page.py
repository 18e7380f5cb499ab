"""The page about figures follows the table in the code."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import pytest
from scripts.reference.figures import metrics_page

from llenergymeasure.domain.trace import Phase
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.energy.account import TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures import table
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs
from tests.support.bundles import leaves, read_json, write_run

ROOT = Path(__file__).parents[2]
BY_NAME = {"estimates", "unknown", "uncertainty", "latency", "latency_with_failures"}
FACTS = {
    "schema_version",
    "experiment_id",
    "config_hash",
    "experiment_hash",
    "backend",
    "model",
    "device",
    "verdict",
    "energy",
    "warnings",
    "repeats",
    "phases",
    "conditions",
    "interference",
    "served",
    "server_windows",
    "cooldown",
    "baseline",
    "warmup",
    "stopped_because",
    "model_info",
    "fingerprints",
    "config",
    "environment",
    "environment_snapshot",
}
"""Fields of a result that are no figures; docs/reference/bundle.md describes them."""


def test_every_figure_of_the_table_has_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(f"### `{figure.name}`" in metrics_page() for figure in table.FIGURES)
    monkeypatch.setattr(table, "FIGURES", table.FIGURES[1:])
    assert "### `total_energy_j`" not in metrics_page()


def test_every_figure_of_a_result_has_its_row(tmp_path: Path) -> None:
    document = read_json(write_run(tmp_path))
    assert len(document["estimates"]) > 20
    assert sorted(_without_row(document, metrics_page())) == []


def test_a_share_of_a_peak_is_called_a_fraction() -> None:
    assert "Model FLOPs utilisation, as a fraction of peak." in metrics_page()
    assert ", in of " not in metrics_page()


def test_formulas_name_fields_of_a_result() -> None:
    fields = {figure.name for figure in table.FIGURES}
    named = {
        name for figure in table.FIGURES for name in re.findall(r"`([a-z0-9]+_[a-z_0-9]+)`", figure.formula)
    }
    assert {"total_flops", "moved_bytes"} <= named
    assert named - fields == set()


def test_a_source_on_our_pages_is_a_link() -> None:
    sources = [figure.source for figure in table.FIGURES if figure.source]
    assert len(sources) > 20
    assert [each for each in sources if "docs/" in each or "`" in each] == []


def test_every_field_of_a_breakdown_says_what_it_is() -> None:
    rows = [
        line for line in metrics_page().partition("## Breakdowns")[2].splitlines() if line.startswith("| `")
    ]
    assert len(rows) > 10
    assert [row for row in rows if not row.removesuffix("|").rpartition("` |")[2].strip()] == []


def test_a_figure_without_a_row_is_found(tmp_path: Path) -> None:
    document = read_json(write_run(tmp_path))
    document["carbon_g"] = 1.0
    document["carbon"] = {"by_device": [{"grams": 1.0, "label": "GPU 0"}]}
    document["estimates"]["offset_g"] = document["unknown"]["price_eur"] = {}
    document["latency"]["warm_ttft_s"] = {}
    assert sorted(_without_row(document, metrics_page())) == [
        "carbon.by_device.grams",
        "carbon_g",
        "latency.warm_ttft_s",
        "offset_g",
        "price_eur",
    ]


def _without_row(document: dict[str, Any], page: str) -> set[str]:
    """Return the figures of a result that the page does not name: fields at the head, keys by name, and breakdowns."""
    rows = {*re.findall(r"^### `([^`]+)`$", page, re.MULTILINE), *re.findall(r"`([\w.]+)`(?=.*\|)", page)}
    named = {name for key in ("estimates", "unknown", "uncertainty") for name in document[key]} - FACTS
    named |= {f"latency.{name}" for key in ("latency", "latency_with_failures") for name in document[key]}
    rest = {name: value for name, value in document.items() if name not in FACTS | BY_NAME}
    named |= {name for name, value in rest.items() if not isinstance(value, (dict, list))}
    for path, value in leaves(
        {name: value for name, value in rest.items() if isinstance(value, (dict, list))}
    ):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            field = ".".join(str(part) for part in path if not isinstance(part, int))
            named.add(
                field if field not in rows and _keyed(field, rows) is None else _keyed(field, rows) or field
            )
    return named - rows


def _keyed(field: str, rows: set[str]) -> str | None:
    """Return the row of a field below a key that the run decides, such as a device."""
    parts = field.split(".")
    changed = (".".join([*parts[:at], "KEY", *parts[at + 1 :]]) for at in range(1, len(parts)))
    return next((each for each in changed if each in rows), None)


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
