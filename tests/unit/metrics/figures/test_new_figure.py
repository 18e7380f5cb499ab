"""A new figure is one row and one function: everything that stores or shows figures then has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripts.reference.figures import metrics_page
from typer.testing import CliRunner

from llenergymeasure.api import load_result, verify
from llenergymeasure.cli.app import app
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.figures import table
from llenergymeasure.metrics.figures.energies import energy_over
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.results import versions
from tests.support.bundles import write_run


def energy_per_kilotoken(figure: Figure, inputs: FigureInputs) -> UncertaintyBudget | Unknown:
    """Return the energy over the output tokens in thousands."""
    return energy_over(figure, inputs)


NEW = Figure(
    name="energy_per_kilotoken_j",
    label="Energy per thousand tokens",
    unit="J/kilotoken",
    better="lower",
    section="energy",
    denominator=Quantity(text="thousands of output tokens", of=lambda row, _: row.output_tokens / 1000),
    formula="energy / (output tokens / 1000)",
    missing_because="no meter was read",
    compute=energy_per_kilotoken,
)
UNKNOWN = Figure(
    name="carbon_g",
    label="Carbon",
    unit="g",
    better="lower",
    section="work",
    formula="energy × carbon intensity",
    missing_because="no carbon intensity is configured",
    compute=lambda figure, _: Unknown(reason=figure.missing_because),
)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the bundle of a run that was computed with two more rows in the table."""
    monkeypatch.setattr(table, "FIGURES", (*table.FIGURES, NEW, UNKNOWN))
    return write_run(tmp_path)


def _shown(bundle: Path, *options: str) -> str:
    ended = CliRunner().invoke(app, ["show", str(bundle), *options])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_the_result_has_its_value_interval_and_budget(bundle: Path) -> None:
    result = load_result(bundle)
    estimate = result.estimates[NEW.name]
    assert estimate.value == pytest.approx(1000 * (result.energy_per_output_token_j or 0))
    assert estimate.half_width == pytest.approx(result.uncertainty[NEW.name].half_width)
    assert getattr(result, NEW.name) == estimate.value


def test_the_result_has_the_reason_of_one_that_is_unknown(bundle: Path) -> None:
    result = load_result(bundle)
    assert getattr(result, UNKNOWN.name) is None
    assert result.unknown[UNKNOWN.name] == UNKNOWN.missing_because


def test_every_view_of_the_result_shows_it(bundle: Path) -> None:
    assert NEW.label in _shown(bundle)
    assert f"unknown: {UNKNOWN.missing_because}" in _shown(bundle)
    assert NEW.label in _shown(bundle, "--uncertainty")
    assert json.loads(_shown(bundle, "--json"))[NEW.name] == getattr(load_result(bundle), NEW.name)


def test_its_value_stands_with_the_other_figures_at_the_head_of_the_file(bundle: Path) -> None:
    names = list(json.loads((bundle / "result.json").read_text()))
    assert names.index("verdict") < names.index(NEW.name) < names.index("estimates")


def test_it_is_recomputed_when_the_bundle_is_verified(bundle: Path) -> None:
    assert CliRunner().invoke(app, ["verify", str(bundle)]).exit_code == 0
    changed = json.loads((bundle / "result.json").read_text())
    (bundle / "result.json").write_text(json.dumps({**changed, NEW.name: 1.0}))
    ended = CliRunner().invoke(app, ["verify", str(bundle)])
    assert f"{NEW.name}: stored 1.0, recomputed" in ended.stdout


def test_a_bundle_of_an_older_schema_is_verified_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = write_run(tmp_path)
    monkeypatch.setattr(table, "FIGURES", (*table.FIGURES, NEW))
    monkeypatch.setattr(versions, "SCHEMA_VERSION", "2.1.0")
    (verification,) = verify(older).bundles
    assert verification.findings == ()
    assert any(
        "2.0.0: it does not state figures that were added since" in note for note in verification.notes
    )


def test_the_reference_page_describes_it(bundle: Path) -> None:
    page = metrics_page()
    assert f"### `{NEW.name}`" in page
    assert NEW.formula in page


def test_a_version_without_the_row_shows_it_by_name(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "FIGURES", table.FIGURES[:-2])
    assert NEW.name in _shown(bundle)
    assert NEW.name in _shown(bundle, "--uncertainty")


def test_every_row_has_a_name_of_its_own_and_those_of_the_summary_are_declared_fields_of_the_result() -> None:
    names = [figure.name for figure in table.FIGURES]
    assert len(set(names)) == len(names)
    stated = {figure.name for figure in table.FIGURES if figure.in_summary}
    assert stated <= set(ExperimentResult.model_fields)
